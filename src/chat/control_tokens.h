// The tokens that give an answer its structure, by id.
#pragma once

#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "text/tokenizer.h"

namespace g4::chat {

enum class Mark : std::uint8_t {
  kNone,  // text
  kThought,
  kThoughtEnd,
  kCall,
  kCallEnd,
  kQuote,
  kTurn,
  kEnd,    // <turn|>, <eos>, <|tool_response>, and what else stops a generation
  kOther,  // special, but without a part in an answer
};

class ControlTokens {
 public:
  // `tokenizer` outlives this. In a vocabulary without some of the tokens these never occur.
  explicit ControlTokens(const Tokenizer& tokenizer);

  Mark of(TokenId id) const;
  // Those that are more than text; those that merely stop a generation too.
  const std::vector<std::pair<TokenId, Mark>>& marks() const { return marks_; }
  std::optional<TokenId> thought_end() const { return thought_end_; }

  // Where in a prompt the part begins that an answer goes on with: an open thought or tool call,
  // else the last mark. prompt.size() if there is none.
  std::size_t open_part(std::span<const TokenId> prompt) const;

 private:
  const Tokenizer& tokenizer_;
  std::vector<std::pair<TokenId, Mark>> marks_;
  std::optional<TokenId> thought_end_;
};

}  // namespace g4::chat
