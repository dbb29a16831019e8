// TokenRule: what may come next in one sequence. Grammars, thinking budgets and their combinations
// implement it; the engine asks.
//
// Calls: next(), then accept() of the token that came, then next() again, and so on; each token of
// the output once and in order, also after preemption. A token that ends the output (a stop token,
// the last one asked for) is not accepted any more. After an Error nothing is asked again.
// Stop tokens are the rule's business: where the output may end it allows them, where it must not
// it does not; where it must, it allows nothing else.
// Threads: one at a time, but any, also to destroy it. next() runs beside the model's step; see
// RuleTimes (engine) for what happens to slow ones.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <variant>

#include "base/result.h"
#include "text/token_mask.h"

namespace g4 {

struct AnyToken {};      // the rule has no say for now
struct MaskedTokens {};  // those in the mask that next() has written
struct ForcedToken {     // this one, whatever the model, bans and penalties say
  TokenId id;
};
using NextTokens = std::variant<AnyToken, MaskedTokens, ForcedToken>;

class TokenRule {
 public:
  virtual ~TokenRule() = default;

  // Which tokens may follow those accepted. `mask` has mask_words(vocab_size) words, of any
  // content, and is read only if the answer is MaskedTokens. An Error, a sentence, ends the
  // request.
  virtual Result<NextTokens> next(std::span<std::uint32_t> mask) = 0;
  virtual Status accept(TokenId token) = 0;
};

// Requests are copied (one for each of n choices) and rules are not: so a request has a maker,
// which is called once for each, on the thread that submits. An Error refuses the request.
using TokenRuleMaker = std::function<Result<std::unique_ptr<TokenRule>>()>;

}  // namespace g4
