// JSON schemas of clients: read within bounds, and written anew as what passes a second reading
// unchanged, or refused with a sentence that is text.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>

#include "base/utf8.h"
#include "grammar/grammar_text.h"
#include "grammar/schema.h"

namespace {

namespace json = boost::json;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_sentence(const g4::Error& error) {
  require(!error.message.empty() && error.message.size() < 20'000);
  require(g4::is_utf8(error.message));
}

void check_text(const g4::Result<g4::grammar::GrammarText>& text) {
  if (!text) return check_sentence(text.error());
  require(text->lark().starts_with("start: ") && text->lark().ends_with('\n'));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  json::error_code failure;
  json::parse_options options;
  options.max_depth = 200;
  const json::value schema =
      json::parse({reinterpret_cast<const char*>(data), size}, failure, {}, options);
  if (failure) return 0;
  const auto checked = g4::grammar::check_schema(schema);
  if (!checked) {
    check_sentence(checked.error());
  } else {
    const auto again = g4::grammar::check_schema(*checked);
    require(again && *again == *checked);
  }
  const g4::grammar::MarkerTokens tokens{
      .channel = {}, .tool_call = {{48, 49}}, .quote = 52, .stops = {1, 106}};
  check_text(write_grammar({g4::grammar::JsonSchema{schema}}, tokens));
  g4::grammar::ToolCalls calls;
  calls.tools.push_back({"tool", schema});
  check_text(write_grammar({std::move(calls)}, tokens));
  return 0;
}
