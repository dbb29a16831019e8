#include "chat/control_tokens.h"

#include <string_view>

#include "chat/writer.h"

namespace g4::chat {

ControlTokens::ControlTokens(const Tokenizer& tokenizer)
    : tokenizer_(tokenizer), thought_end_(tokenizer.find(token::kChannelEnd)) {
  const auto add = [&](std::string_view spelling, Mark mark) {
    if (const auto id = tokenizer.find(spelling)) marks_.emplace_back(*id, mark);
  };
  add(token::kChannel, Mark::kThought);
  add(token::kChannelEnd, Mark::kThoughtEnd);
  add(token::kToolCall, Mark::kCall);
  add(token::kToolCallEnd, Mark::kCallEnd);
  add(token::kQuote, Mark::kQuote);
  add(token::kTurn, Mark::kTurn);
  add(token::kTurnEnd, Mark::kEnd);
  add(token::kToolResponse, Mark::kEnd);
  if (const auto eos = tokenizer.eos()) marks_.emplace_back(*eos, Mark::kEnd);
  for (const TokenId id : tokenizer.stop()) marks_.emplace_back(id, Mark::kEnd);
}

Mark ControlTokens::of(TokenId id) const {
  for (const auto& [marked, mark] : marks_)
    if (marked == id) return mark;
  return tokenizer_.is_special(id) ? Mark::kOther : Mark::kNone;
}

std::size_t ControlTokens::open_part(std::span<const TokenId> prompt) const {
  for (std::size_t i = prompt.size(); i-- > 0;) {
    const Mark mark = of(prompt[i]);
    if (mark != Mark::kNone && mark != Mark::kQuote && mark != Mark::kOther) return i;
  }
  return prompt.size();
}

}  // namespace g4::chat
