#include "grammar/trial.h"

#include <random>
#include <vector>

#include "grammar/matcher.h"
#include "grammar/processor_time.h"

namespace g4::grammar {
namespace {

constexpr int kAnswers = 3;
constexpr int kTokensMax = 48;  // of one answer
constexpr std::chrono::milliseconds kWorkMax{200};
constexpr std::chrono::milliseconds kTrialMaskTimeMax{50};  // of processor time

// Answers drawn at random, rather of short tokens: these end texts and lists, and so get around.
class Walker {
 public:
  Walker(const Vocabulary& vocabulary, const TokenTable& table)
      : vocabulary_size_(vocabulary.size()),
        lengths_(table.lengths),
        words_(mask_words(vocabulary)) {}

  Status walk(Matcher matcher) {
    for (int i = 0; i < kTokensMax && !matcher.has_ended(); ++i) {
      const ProcessorTime start;
      const Status masked = matcher.mask(words_);
      if (const auto took = start.elapsed(); took > kTrialMaskTimeMax) return too_expensive(took);
      if (!masked) {
        if (i > 0) return masked;
        return Error{"no answer can satisfy it: " + masked.error().message};
      }
      if (Status status = matcher.accept(draw()); !status) return status;
    }
    return {};
  }

 private:
  TokenId draw() {
    const std::size_t count = mask_count(words_, vocabulary_size_);
    TokenId best = mask_nth(words_, random_() % count);
    for (int i = 0; i < 4; ++i)
      if (const TokenId other = mask_nth(words_, random_() % count); length(other) < length(best))
        best = other;
    return best;
  }

  std::uint32_t length(TokenId id) const { return lengths_[static_cast<std::size_t>(id)]; }

  const std::size_t vocabulary_size_;
  const std::vector<std::uint32_t>& lengths_;
  std::vector<std::uint32_t> words_;
  std::minstd_rand random_;  // the same for each grammar: what passed once passes again
};

}  // namespace

Status try_grammar(std::shared_ptr<const Vocabulary> vocabulary, const TokenTable& table,
                   const std::string& lark) {
  auto grammar = CompiledGrammar::compile(vocabulary, lark);
  if (!grammar) return std::move(grammar).error();
  Walker walker(*vocabulary, table);
  const ProcessorTime start;
  for (int i = 0; i < kAnswers && start.elapsed() < kWorkMax; ++i)
    if (Status status = walker.walk((*grammar)->start()); !status) return status;
  return {};
}

}  // namespace g4::grammar
