#include "grammar/grammar_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/utf8.h"
#include "grammar/client_grammar.h"
#include "grammar/gemma_call.h"
#include "grammar/lark.h"
#include "grammar/pattern.h"
#include "grammar/schema.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;

constexpr std::size_t kChoicesMax = 5'000;
constexpr std::size_t kChoiceBytesMax = 64 * 1024;  // of all together
constexpr std::size_t kToolsMax = 128;
constexpr std::size_t kToolNameBytesMax = 128;
constexpr std::size_t kToolRulesBytesMax = std::size_t{1} << 20;  // a second of compiling

// Rules of which `answer` is the first; "start" comes later.
using Rules = Result<std::string>;

std::string json_rule(json::object schema, WhiteSpace white_space) {
  if (white_space == WhiteSpace::kNone)
    schema["x-guidance"] = {{"whitespace_flexible", false}};
  else
    schema["x-guidance"] = {{"whitespace_pattern", " ?|\n {0,32}"}};
  return fmt::format("answer: %json {}\n", json::serialize(schema));
}

Rules rules(const AnyJsonObject& any, const MarkerTokens&) {
  return json_rule({{"type", "object"}}, any.white_space);
}

Rules rules(const JsonSchema& wanted, const MarkerTokens&) {
  return json_rule(G4_TRY(check_schema(wanted.schema)), wanted.white_space);
}

Rules rules(const Regex& regex, const MarkerTokens&) {
  if (Status status = check_pattern(regex.pattern); !status)
    return Error{
        fmt::format("the regular expression is not supported: {}", status.error().message)};
  return fmt::format("answer: ANSWER\nANSWER: /(?:{})/\n", whole_pattern(regex.pattern));
}

Rules rules(const Choice& choice, const MarkerTokens&) {
  if (choice.choices.empty()) return Error{"a choice has at least one text to choose"};
  std::size_t bytes = 0;
  std::vector<std::string> texts;
  bool may_be_empty = false;
  for (const std::string& text : choice.choices) {
    bytes += text.size();
    if (text.empty())
      may_be_empty = true;
    else
      texts.push_back(lark_string(text));
  }
  if (choice.choices.size() > kChoicesMax || bytes > kChoiceBytesMax)
    return Error{fmt::format("a choice has at most {} texts, and {} bytes in all", kChoicesMax,
                             kChoiceBytesMax)};
  if (texts.empty()) return std::string("answer: \"\"\n");
  return fmt::format("answer: ANSWER{}\nANSWER: {}\n", may_be_empty ? "?" : "",
                     fmt::join(texts, " | "));
}

Rules rules(const ClientGrammar& grammar, const MarkerTokens&) {
  return write_client_grammar(grammar.text);
}

Status check_name(const std::string& name) {
  // What would not be read back as the name of a call (chat/parse_output.h).
  const auto plain = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7F &&
           std::string_view("\"'`{}()[]<>,=\\").find(c) == std::string_view::npos;
  };
  if (name.empty() || name.size() > kToolNameBytesMax ||
      !std::all_of(name.begin(), name.end(), plain))
    return Error{
        fmt::format("the name of a tool that must be called has 1 to {} bytes without spaces, "
                    "quotes, brackets, commas, = and \\, unlike \"{}\"",
                    kToolNameBytesMax, utf8_beginning(name, kToolNameBytesMax))};
  return {};
}

// The rule of one tool's call, between its tokens.
Result<std::string> call_rules(const CallableTool& tool, TokenId quote, std::size_t number) {
  if (Status status = check_name(tool.name); !status) return std::move(status).error();
  const auto named = [&](const Error& error) {
    return Error{fmt::format("tool {}: {}", tool.name, error.message)};
  };
  json::object schema;
  if (!tool.parameters.is_null()) {
    auto checked = check_schema(tool.parameters);
    if (!checked) return named(checked.error());
    schema = *std::move(checked);
  }
  auto arguments = write_arguments(tool.parameters.is_null() ? nullptr : &schema, quote,
                                   fmt::format("t{}", number));
  if (!arguments) return named(arguments.error());
  return fmt::format("tool_{}: {} {}\n{}", number, lark_string(tool.name), arguments->rule,
                     arguments->rules);
}

Rules rules(const ToolCalls& calls, const MarkerTokens& tokens) {
  if (!tokens.tool_call || !tokens.quote) return Error{"this model has no tokens for tool calls"};
  if (calls.tools.empty() || calls.tools.size() > kToolsMax)
    return Error{fmt::format("there are 1 to {} tools", kToolsMax)};
  if (calls.calls_min > calls.calls_max || calls.calls_max == 0 || calls.calls_max > 1'000)
    return Error{"there are 1 to 1000 calls"};
  std::string lines;
  std::vector<std::string> names;
  std::set<std::string> seen;
  for (const CallableTool& tool : calls.tools) {
    if (!seen.insert(tool.name).second)
      return Error{fmt::format("two tools have the name {}", tool.name)};
    lines += G4_TRY(call_rules(tool, *tokens.quote, names.size()));
    names.push_back(fmt::format("tool_{}", names.size()));
    if (lines.size() > kToolRulesBytesMax)
      return Error{"the schemas of all tools together are too large"};
  }
  std::vector<TokenId> ends = tokens.stops;
  ends.push_back(tokens.tool_call->open);
  const std::string text =
      calls.text == ToolCalls::Text::kBefore ? lark_but(ends) + "* " : std::string();
  return fmt::format("answer: {}call{{{},{}}}\ncall: {} \"call:\" ({}) {}\n{}{}", text,
                     calls.calls_min, calls.calls_max, lark_token(tokens.tool_call->open),
                     fmt::join(names, " | "), lark_token(tokens.tool_call->close), lines,
                     common_call_rules(*tokens.quote));
}

}  // namespace

MarkerTokens MarkerTokens::of(const Tokenizer& tokenizer) {
  const auto find = [&](const char* spelling) -> std::optional<TokenId> {
    const auto id = tokenizer.find(spelling);
    return id && tokenizer.is_special(*id) ? id : std::nullopt;
  };
  const auto pair = [&](const char* open, const char* close) -> std::optional<Pair> {
    const auto first = find(open), last = find(close);
    if (!first || !last) return {};
    return Pair{*first, *last};
  };
  return {.channel = pair("<|channel>", "<channel|>"),
          .tool_call = pair("<|tool_call>", "<tool_call|>"),
          .quote = find("<|\"|>"),
          .stops = {tokenizer.stop().begin(), tokenizer.stop().end()}};
}

Result<GrammarText> write_grammar(const Constraint& constraint, const MarkerTokens& tokens) {
  std::string text = "start: answer\n";
  text += G4_TRY(
      std::visit([&](const auto& answer) { return rules(answer, tokens); }, constraint.answer));
  return GrammarText(std::move(text));
}

Status check_parameters(const json::value& parameters) {
  const auto checked = check_schema(parameters);
  if (!checked) return checked.error();
  const auto written = write_arguments(&*checked, TokenId{0}, "t");
  if (!written) return written.error();
  return {};
}

}  // namespace g4::grammar
