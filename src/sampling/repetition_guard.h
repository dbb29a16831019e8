// RepetitionGuard notices that an output is stuck: that it ends with the same block of tokens again
// and again, word for word. It sees tokens only, so it works the same under a grammar.
//
// Stuck means: the last block of some length within the limits came at least repeats_min times in a
// row, and these repeats are at least tokens_min tokens together. What changes a little each time
// (a numbered list, addresses) is never a repeat. The defaults let pass what people ask for and
// text contains: rules of dashes, empty table rows, a matrix of zeros, a line written fifty times.
// In 4,865 files of prose, documentation and code the most was 381 tokens (a stack trace), apart
// from a file of test data that writes 307 tokens four times. A model that is stuck goes on for
// ever, so a late alarm costs little and a false one a good text. Threads: one at a time. push()
// takes block_tokens_max comparisons and allocates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "text/tokenizer.h"

namespace g4 {

struct RepetitionLimits {
  static constexpr std::uint32_t kBlockTokensMax = 2048;  // for block_tokens_max

  std::uint32_t block_tokens_min = 1;
  std::uint32_t block_tokens_max = 512;
  std::uint32_t repeats_min = 4;   // at least 2
  std::uint32_t tokens_min = 512;  // of all repeats together
};

// Says which field is out of range.
Status validate(const RepetitionLimits& limits);

struct Repetition {
  std::uint32_t block_tokens = 0;  // the shortest block
  std::uint32_t repeats = 0;       // whole ones at the end of the output
};

class RepetitionGuard {
 public:
  explicit RepetitionGuard(const RepetitionLimits& limits);  // valid ones

  // Takes the next token of the output; says what repeats if the output is stuck now.
  std::optional<Repetition> push(TokenId token);

 private:
  RepetitionLimits limits_;
  // At least the last block_tokens_max tokens, up to twice as many; filled up with no token.
  std::vector<TokenId> last_;
  // For block_tokens_max - i as the length of the block: how many tokens at the end equal the one a
  // block before them, and how many do if the output is stuck.
  std::vector<std::uint32_t> equal_;
  std::vector<std::uint32_t> stuck_;
};

}  // namespace g4
