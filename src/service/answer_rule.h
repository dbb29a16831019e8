// What one answer must be: thoughts within their budget, then what a grammar says.
//
// The grammar knows nothing of thoughts: it begins where they end, so thinking is free and a schema
// is compiled once, whether the model thinks or not. A thought that a rule watches ends in no other
// way than its own: one that is never closed would leave the answer empty, and a call or a turn
// would come where no grammar expects it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "grammar/matcher.h"
#include "sampling/token_rule.h"
#include "text/tokenizer.h"

namespace g4 {

struct AnswerForm {
  using Grammar = std::shared_ptr<const grammar::CompiledGrammar>;

  Grammar answer = {};  // none: anything
  // Calls that may stand in its place, from the token <|tool_call> on; none: no calls.
  Grammar calls = {};
  bool may_think = false;  // the answer may begin with a thought
  std::optional<std::uint64_t> thought_tokens_max = {};

  bool says_something() const { return answer || calls || thought_tokens_max; }
};

// For one answer to `prompt`, which may end within a thought. `tokenizer` outlives the rule; the
// grammars are of its vocabulary.
TokenRuleMaker make_answer_rule(const Tokenizer& tokenizer, std::span<const TokenId> prompt,
                                AnswerForm form);

}  // namespace g4
