// Byte-pair merges: which two adjacent tokens become which one, and in what order.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/spelling_index.h"
#include "text/tokenizer.h"

namespace g4 {

struct Merge {
  TokenId left, right, result;
};

// Looks the spelled merges of a file up in the vocabulary; order is kept.
Result<std::vector<Merge>> resolve_merges(
    const SpellingIndex& spellings,
    const std::vector<std::pair<std::string, std::string>>& spelled);

// The merges of a vocabulary that has scores only: every way to cut a token into two tokens, best
// score first, then longest left part, then longest right part (in characters), then lowest id.
// Hugging Face derives tokenizer.json from the same vocabulary by this rule.
std::vector<Merge> derive_merges(const SpellingIndex& spellings, const std::vector<float>& scores);

// Merges by their pair. Immutable after construction; 8 bytes a slot, so that most of it stays
// cached.
class MergeTable {
 public:
  static constexpr std::uint32_t kNoMerge = UINT32_MAX;
  static constexpr std::size_t kIdBits = 21, kRankBits = 22;  // limits of a vocabulary
  static constexpr std::size_t kTokensMax = (1U << kIdBits) - 1;
  static constexpr std::size_t kMergesMax = (1U << kRankBits) - 1;

  // Rank is the place in `merges`; a pair that occurs twice has its last rank. Merges whose result
  // is marked in `forbidden` (by id) never happen.
  MergeTable(const std::vector<Merge>& merges, const std::vector<bool>& forbidden);

  std::uint32_t rank(TokenId left, TokenId right) const {
    const std::uint64_t key = pair_key(left, right);
    for (std::size_t slot = home(key);; slot = (slot + 1) & mask_) {
      const std::uint64_t found = slots_[slot];
      if (found >> kRankBits == key) return static_cast<std::uint32_t>(found & kMergesMax);
      if (found == kFree) return kNoMerge;
    }
  }
  TokenId result(std::uint32_t rank) const { return results_[rank]; }

 private:
  static constexpr std::uint64_t kFree = UINT64_MAX;

  static std::uint64_t pair_key(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(left) << kIdBits | static_cast<std::uint64_t>(right);
  }
  std::size_t home(std::uint64_t key) const {
    return static_cast<std::size_t>(key * 0x9E3779B97F4A7C15U >> 32) & mask_;
  }

  std::size_t mask_;
  std::vector<std::uint64_t> slots_;  // left | right | rank
  std::vector<TokenId> results_;      // by rank
};

}  // namespace g4
