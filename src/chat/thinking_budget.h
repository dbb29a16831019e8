// How many tokens the model may think, and how a thought is closed when they are spent.
//
// The thoughts of one answer share the budget. The tokens that name the channel do not count. When
// it is spent, forced() says token by token what must come instead of a drawn one, so that the
// format stays whole: the rest of "thought\n", a line end, <channel|>. A character that has begun
// is let end. While thinking() holds, the engine does well to forbid the tokens that stop a
// generation: a thought that is never closed leaves the answer empty.
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "chat/control_tokens.h"
#include "text/tokenizer.h"

namespace g4::chat {

class ThinkingBudget {
 public:
  // `tokenizer` outlives this. The prompt may end within a thought.
  ThinkingBudget(const Tokenizer& tokenizer, std::span<const TokenId> prompt,
                 std::uint64_t tokens_max);

  void push(TokenId token);  // of the answer, forced ones too
  std::optional<TokenId> forced() const;
  bool thinking() const { return open_; }
  std::uint64_t spent() const { return spent_; }

 private:
  void read(TokenId token);
  bool within_character() const;

  const Tokenizer& tokenizer_;
  ControlTokens controls_;
  std::uint64_t tokens_max_;
  std::uint64_t spent_ = 0;
  bool open_ = false;
  bool named_ = false;  // the channel's name is complete
  std::string name_;
  std::string last_;  // bytes of the thought, a few from its end
};

}  // namespace g4::chat
