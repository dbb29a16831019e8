// A grammar at work on one answer: start, mask, accept, rollback.
//
// CompiledGrammar is shared and immutable; start() gives a Matcher at the beginning of an answer.
// Threads: start() from any; a Matcher belongs to one thread at a time, any number of matchers run
//          side by side. Masks cost microseconds as a rule, milliseconds now and then, and more
//          than kMaskTimeMax never twice: keep them off a thread that serves everyone.
// Failure: after an Error other than that of allowed() a matcher is of no more use.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "grammar/vocabulary.h"
#include "text/token_mask.h"

struct LlgMatcher;

namespace g4::grammar {

// Of processor time. A mask that took longer ends its answer: the next might take a minute. Far
// above what a trial lets through (trial.cpp), so that a slow machine ends no honest answer.
inline constexpr std::chrono::milliseconds kMaskTimeMax{300};
// What both say of such a grammar.
Error too_expensive(std::chrono::nanoseconds one_step);

class Matcher {
 public:
  Matcher(Matcher&&) noexcept;
  Matcher& operator=(Matcher&&) noexcept;
  ~Matcher();

  // Sets the bit of each token that may come next (bit id % 32 of word id / 32), clears all others;
  // as many words as mask_words(vocabulary) says. Once the answer can only end, or has ended, the
  // vocabulary's stop tokens remain.
  Status mask(std::span<std::uint32_t> words);
  // `token` has been chosen; it was in the mask. Stop tokens are accepted where they are allowed.
  Status accept(TokenId token);
  // Takes the last `tokens` accepted ones back.
  Status rollback(std::size_t tokens);

  // How many of these, from the first on, could be accepted one after the other; changes nothing.
  Result<std::size_t> allowed(std::span<const TokenId> tokens);
  // The tokens that must come next whatever the model says; often none. Changes nothing.
  Result<std::vector<TokenId>> forced();
  bool may_end();          // the answer is complete, though it may go on
  bool has_ended() const;  // a stop token was accepted, or nothing can follow

 private:
  friend class CompiledGrammar;
  Matcher(std::shared_ptr<const Vocabulary> vocabulary, LlgMatcher* handle);
  Error failure(const char* what);

  struct Free {
    void operator()(LlgMatcher* handle) const;
  };
  std::shared_ptr<const Vocabulary> vocabulary_;  // outlives handle_
  std::unique_ptr<LlgMatcher, Free> handle_;
  // llguidance never hears of stop tokens: it counts some of them, not others, in its rollbacks.
  std::size_t stops_ = 0;  // accepted
};

class CompiledGrammar {
 public:
  // `text` is Lark of our own making (grammar_text.h), never a client's. Deep grammars need stack:
  // this runs on a thread of its own that has enough.
  static Result<std::shared_ptr<const CompiledGrammar>> compile(
      std::shared_ptr<const Vocabulary> vocabulary, const std::string& text);

  Matcher start() const;

 private:
  explicit CompiledGrammar(Matcher first) : first_(std::move(first)) {}

  mutable std::mutex mutex_;  // of copying first_
  Matcher first_;
};

inline std::size_t mask_words(const Vocabulary& vocabulary) {
  return g4::mask_words(vocabulary.size());
}

}  // namespace g4::grammar
