// What an answer must look like, in the words of no API dialect.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "text/tokenizer.h"

namespace g4::grammar {

// Between the parts of JSON. Without any bound a model that likes blanks writes nothing else.
enum class WhiteSpace : std::uint8_t {
  kNone,
  kReadable,  // nothing, one space, or a line break and up to 32 spaces of indentation
};

struct AnyJsonObject {
  WhiteSpace white_space = WhiteSpace::kReadable;
};

struct JsonSchema {
  boost::json::value schema;
  WhiteSpace white_space = WhiteSpace::kReadable;
};

// The whole answer matches; Rust's syntax, without look-around and back-references.
struct Regex {
  std::string pattern;
};

struct Choice {
  std::vector<std::string> choices;
};

// In llama.cpp's notation of grammars or in Lark's; see client_grammar.h.
struct ClientGrammar {
  std::string text;
};

// A function that the model may call, in Gemma 4's own syntax.
struct CallableTool {
  std::string name;
  boost::json::value parameters;  // JSON schema of the arguments; null: any arguments
};

struct ToolCalls {
  enum class Text : std::uint8_t { kNone, kBefore };  // words to the user before the first call
  std::vector<CallableTool> tools;
  Text text = Text::kBefore;
  std::uint32_t calls_min = 0;   // 1: tool_choice "required"
  std::uint32_t calls_max = 64;  // 1: parallel_tool_calls false
};

// Of an answer behind its thoughts, which are free; service/answer_rule.h lets them come first.
struct Constraint {
  std::variant<AnyJsonObject, JsonSchema, Regex, Choice, ClientGrammar, ToolCalls> answer;
};

// Ids of the tokens that stand for themselves in grammars; a vocabulary without those of tool calls
// or thoughts (Gemma 3) has neither.
struct MarkerTokens {
  struct Pair {
    TokenId open, close;
  };
  std::optional<Pair> channel;    // <|channel> <channel|>
  std::optional<Pair> tool_call;  // <|tool_call> <tool_call|>
  std::optional<TokenId> quote;   // <|"|>
  std::vector<TokenId> stops;

  static MarkerTokens of(const Tokenizer& tokenizer);
};

}  // namespace g4::grammar
