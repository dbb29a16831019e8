// Calls of random tools by a model that knows nothing but its masks are read back by the output
// machine as what the tools' schemas ask for.
#include <gtest/gtest.h>

#include <algorithm>

#include "base/sanitizers.h"
#include "chat/parse_output.h"
#include "grammar/test_schemas.h"
#include "grammar/test_validity.h"
#include "grammar/test_walk.h"

namespace g4 {
namespace {

namespace json = boost::json;
using grammar::test::RealVocabulary;

struct Call {
  std::string name, arguments;
};

struct Answer {
  std::string text;
  std::vector<Call> calls;
};

Answer parsed(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens,
              const grammar::ToolCalls& calls) {
  std::vector<chat::Tool> tools;
  for (const grammar::CallableTool& each : calls.tools) {
    chat::Tool tool;
    tool.name = each.name;
    tool.parameters = each.parameters;
    tools.push_back(std::move(tool));
  }
  chat::OutputParser parser(tokenizer, {}, std::move(tools));
  std::vector<chat::OutputEvent> events;
  const auto add = [&](const std::vector<chat::OutputEvent>& more) {
    events.insert(events.end(), more.begin(), more.end());
  };
  for (const TokenId token : tokens) add(parser.push(token).events);
  add(parser.finish(chat::Ending::kStop));
  Answer answer;
  for (const chat::OutputEvent& event : events) {
    if (const auto* text = std::get_if<chat::TextDelta>(&event)) answer.text += text->text;
    if (const auto* begin = std::get_if<chat::ToolCallBegin>(&event))
      answer.calls.push_back({begin->name, ""});
    if (const auto* more = std::get_if<chat::ToolCallArguments>(&event))
      answer.calls.at(more->index).arguments += more->json;
    if (const auto* end = std::get_if<chat::ToolCallEnd>(&event)) {
      EXPECT_EQ(end->completion, "");
    }
  }
  EXPECT_EQ(parser.whole_calls(), answer.calls.size());
  return answer;
}

void check(const Answer& answer, const grammar::ToolCalls& calls) {
  EXPECT_GE(answer.calls.size(), calls.calls_min);
  EXPECT_LE(answer.calls.size(), calls.calls_max);
  if (calls.text == grammar::ToolCalls::Text::kNone) {
    EXPECT_EQ(answer.text, "");
  }
  for (const Call& call : answer.calls) {
    const auto tool = std::find_if(calls.tools.begin(), calls.tools.end(),
                                   [&](const auto& each) { return each.name == call.name; });
    ASSERT_NE(tool, calls.tools.end()) << call.name;
    EXPECT_EQ(grammar::test::complaint(tool->parameters, call.arguments), "")
        << call.arguments << "\n"
        << json::serialize(tool->parameters);
  }
}

TEST(ConstrainedCalls, AreReadBackAsTheirSchemasAsk) {
  const RealVocabulary& real = RealVocabulary::get();
  const auto tokens = grammar::MarkerTokens::of(*real.tokenizer);
  grammar::test::RandomModel model(real);
  constexpr std::uint32_t kRounds = kShadowMemory ? 30 : 300;
  std::size_t finished = 0, unfinished = 0, refused = 0, read = 0;
  for (std::uint32_t seed = 1; seed <= kRounds; ++seed) {
    SCOPED_TRACE(seed);
    grammar::ToolCalls calls;
    grammar::test::SchemaGenerator generator(seed);
    for (std::uint32_t i = 0; i < 1 + seed % 3; ++i)
      calls.tools.push_back({"tool-" + std::to_string(i), generator.root()});
    calls.text = seed % 2 ? grammar::ToolCalls::Text::kBefore : grammar::ToolCalls::Text::kNone;
    calls.calls_min = 1;
    calls.calls_max = 1 + seed % 4;
    const auto text = grammar::write_grammar({calls}, tokens);
    const auto compiled =
        text ? grammar::CompiledGrammar::compile(real.vocabulary, text->lark()) : text.error();
    if (!compiled) {
      ++refused;
      continue;
    }
    const auto walk = model.walk((*compiled)->start(), 60, 600);
    if (!walk.status && walk.tokens.empty()) continue;  // what nothing can satisfy
    EXPECT_TRUE(walk.status) << walk.status.error().message << "\n" << walk.text;
    ++(walk.ended ? finished : unfinished);
    if (!walk.ended) continue;
    SCOPED_TRACE(walk.text);
    const Answer answer = parsed(*real.tokenizer, walk.tokens, calls);
    check(answer, calls);
    read += answer.calls.size();
  }
  std::printf("%zu answers with %zu calls, %zu unfinished, %zu refused\n", finished, read,
              unfinished, refused);
  EXPECT_GE(finished * 10, kRounds * 9);
}

// Spellings of <|"|> become that token.
std::vector<TokenId> call_of_f(const Tokenizer& tokenizer, std::string_view arguments) {
  std::vector<TokenId> tokens{*tokenizer.find("<|tool_call>")};
  const auto add = [&](std::string_view text) {
    for (const TokenId id : tokenizer.encode(text)) tokens.push_back(id);
  };
  add("call:f");
  constexpr std::string_view kQuote = "<|\"|>";
  for (std::size_t at; (at = arguments.find(kQuote)) != std::string_view::npos;) {
    add(arguments.substr(0, at));
    tokens.push_back(*tokenizer.find(kQuote));
    arguments.remove_prefix(at + kQuote.size());
  }
  add(arguments);
  tokens.push_back(*tokenizer.find("<tool_call|>"));
  return tokens;
}

// The machine forgives a model much in keys: blanks, quotes, "=". A grammar must not write so.
TEST(ConstrainedCalls, OnlyKeysThatAreReadAsTheyStand) {
  const RealVocabulary& real = RealVocabulary::get();
  const std::string integers =
      R"({"type":"object","required":["a"],"additionalProperties":{"type":"integer"}})";
  const std::string texts = R"({"type":"object","properties":{"a":{"type":"integer"}},)"
                            R"("required":["a"],"additionalProperties":{"type":"string"}})";
  struct Case {
    const std::string& schema;
    const char* arguments;
    bool allowed;
  };
  for (const auto& [schema, arguments, allowed] : {
           Case{integers, "{a:1}", true},
           Case{integers, "{a:1,b c:2}", true},
           Case{integers, "{a:<|\"|>x<|\"|>}", false},
           Case{texts, "{a:1,b:<|\"|>x<|\"|>}", true},
           Case{texts, "{a:1,it's:<|\"|>x<|\"|>}", true},
           Case{texts, "{a:1,a:<|\"|>x<|\"|>}", false},
           Case{texts, "{a:1, a:<|\"|>x<|\"|>}", false},
           Case{texts, "{a:1,a\t:<|\"|>x<|\"|>}", false},
           Case{texts, "{a:1,'a':<|\"|>x<|\"|>}", false},
           Case{texts, "{a:1,`b:<|\"|>x<|\"|>}", false},
           Case{texts, "{a:1,a=true:<|\"|>x<|\"|>}", false},
       }) {
    SCOPED_TRACE(arguments);
    grammar::ToolCalls calls;
    calls.tools = {{"f", json::parse(schema)}};
    calls.text = grammar::ToolCalls::Text::kNone;
    const std::vector<TokenId> tokens = call_of_f(*real.tokenizer, arguments);
    const auto taken = grammar::test::start(real, {calls}).allowed(tokens);
    ASSERT_TRUE(taken) << taken.error().message;
    EXPECT_EQ(*taken == tokens.size(), allowed);
    if (*taken == tokens.size()) check(parsed(*real.tokenizer, tokens, calls), calls);
  }
}

// Nothing that a schema says is dropped in silence.
TEST(ConstrainedCalls, WhatASyntaxCannotBeHeldToIsRefused) {
  const auto tokens = grammar::MarkerTokens::of(*RealVocabulary::get().tokenizer);
  const auto refusal = [&](const char* property) {
    grammar::ToolCalls calls;
    calls.tools = {
        {"f", json::parse(std::string(R"({"type":"object","properties":{)") + property + "}}")}};
    const auto text = grammar::write_grammar({calls}, tokens);
    return text ? "" : text.error().message;
  };
  EXPECT_EQ(refusal(R"("a":{"type":"string","enum":["a","b"],"description":"d"})"), "");
  EXPECT_EQ(refusal(R"("a":{"type":"integer","const":1})"), "");
  const std::string beside = " beside other keywords is not supported in arguments";
  EXPECT_EQ(refusal(R"("a":{"enum":["a","bb"],"type":"string","maxLength":1})"),
            "tool f: enum" + beside);
  EXPECT_EQ(refusal(R"("a":{"const":"b","type":"string","pattern":"^a"})"),
            "tool f: const" + beside);
  EXPECT_EQ(refusal(R"("a":{"const":1,"type":"string"})"),
            "tool f: a constant is not of the type beside it");
  for (const char* name : {"a=1", "'a'", "`a", " a", "a ", "a\\t"})
    EXPECT_NE(refusal(("\"" + std::string(name) + "\":{}").c_str()), "") << name;
}

// Some calls of a tool whose only argument is a text under this condition.
void expect_held(grammar::test::RandomModel& model, const char* keyword, const char* condition,
                 std::uint32_t count) {
  SCOPED_TRACE(condition);
  const RealVocabulary& real = RealVocabulary::get();
  grammar::ToolCalls calls;
  calls.tools.push_back(
      {"f", json::object{{"type", "object"},
                         {"properties", {{"a", {{"type", "string"}, {keyword, condition}}}}},
                         {"required", json::array{"a"}}}});
  calls.text = grammar::ToolCalls::Text::kNone;
  calls.calls_min = calls.calls_max = count;
  const auto walk = model.walk(grammar::test::start(real, {calls}), 60, 900);
  EXPECT_TRUE(walk.status) << walk.status.error().message;
  EXPECT_TRUE(walk.ended) << walk.text;
  SCOPED_TRACE(walk.text);
  if (walk.ended) check(parsed(*real.tokenizer, walk.tokens, calls), calls);
}

TEST(ConstrainedCalls, HoldTextsOfTheFormatsThatAreAskedFor) {
  grammar::test::RandomModel model(RealVocabulary::get());
  for (const char* format :
       {"date", "time", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "uuid", "uri",
        "uri-reference", "json-pointer", "relative-json-pointer", "regex", "uri-template"})
    expect_held(model, "format", format, 5);
}

TEST(ConstrainedCalls, HoldTextsOfPatternsThatLookAhead) {
  grammar::test::RandomModel model(RealVocabulary::get());
  for (const char* pattern :
       {"^(?=.*[a-z])(?=.*[0-9])[a-z0-9]{4,12}$", "^(?!-)[a-z-]{1,9}$", "^(?!.*--)[a-z-]{1,9}$"})
    expect_held(model, "pattern", pattern, 3);
}

}  // namespace
}  // namespace g4
