// Token rules for the tests of this room.
#pragma once

#include <atomic>
#include <functional>
#include <latch>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "sampling/token_rule.h"

namespace g4 {

// Does what the test says. The rules that live are counted in `alive`.
class ScriptedRule final : public TokenRule {
 public:
  using Next = std::function<Result<NextTokens>(std::span<const TokenId> accepted,
                                                std::span<std::uint32_t> mask)>;
  using Accept = std::function<Status(TokenId)>;
  inline static std::atomic<int> alive = 0;

  explicit ScriptedRule(Next next, Accept accept = {})
      : next_(std::move(next)), accept_(std::move(accept)) {
    ++alive;
  }
  ~ScriptedRule() override { --alive; }
  Result<NextTokens> next(std::span<std::uint32_t> mask) override { return next_(accepted_, mask); }
  Status accept(TokenId token) override {
    accepted_.push_back(token);
    return accept_ ? accept_(token) : Status();
  }

 private:
  const Next next_;
  const Accept accept_;
  std::vector<TokenId> accepted_;
};

inline TokenRuleMaker rule_that(ScriptedRule::Next next, ScriptedRule::Accept accept = {}) {
  return [=]() -> Result<std::unique_ptr<TokenRule>> {
    return std::unique_ptr<TokenRule>(std::make_unique<ScriptedRule>(next, accept));
  };
}

inline NextTokens only(std::span<std::uint32_t> mask, std::initializer_list<TokenId> ids) {
  for (std::uint32_t& word : mask) word = 0;
  for (const TokenId id : ids) mask[static_cast<std::uint32_t>(id) / 32] |= 1U << id % 32;
  return MaskedTokens{};
}

// Masks, forces and lets go by turns, depending on everything that was accepted.
inline Result<NextTokens> changing_rule(unsigned seed, std::span<const TokenId> accepted,
                                        std::span<std::uint32_t> mask) {
  std::uint64_t hash = seed + 1;
  const auto roll = [&] { return hash = (hash ^ hash >> 29) * 0xBF58476D1CE4E5B9U + 0x9E3779B9U; };
  for (const TokenId token : accepted) {
    hash += static_cast<std::uint64_t>(token);
    roll();
  }
  const std::uint64_t turn = roll() >> 33;
  if (turn % 8 == 0) return NextTokens(AnyToken{});
  if (turn % 8 == 1) return NextTokens(ForcedToken{static_cast<TokenId>(turn / 8 % 300)});
  for (std::uint32_t& word : mask) word = static_cast<std::uint32_t>(roll() >> 32 & roll() >> 24);
  mask[turn % 9] |= 1U << turn % 32;
  return NextTokens(MaskedTokens{});
}

// The rule of changing_rule(); each token accepted is noted in `log`, if there is one.
inline TokenRuleMaker changing(unsigned seed, std::shared_ptr<std::vector<TokenId>> log = nullptr) {
  return rule_that(
      [seed](std::span<const TokenId> accepted, std::span<std::uint32_t> mask) {
        return changing_rule(seed, accepted, mask);
      },
      [log](TokenId token) -> Status {
        if (log) log->push_back(token);
        return {};
      });
}

}  // namespace g4
