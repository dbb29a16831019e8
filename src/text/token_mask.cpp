#include "text/token_mask.h"

#include <bit>

namespace g4 {

std::size_t mask_count(TokenMask mask, std::size_t vocab_size) {
  std::size_t n = 0;
  for (std::size_t begin = 0; begin < vocab_size; begin += 32) {
    const std::size_t behind = vocab_size - begin;
    const std::uint32_t known = behind < 32 ? (1U << behind) - 1 : ~0U;
    n += static_cast<std::size_t>(std::popcount(mask[begin / 32] & known));
  }
  return n;
}

TokenId mask_nth(TokenMask mask, std::size_t n) {
  std::size_t i = 0;
  for (;; ++i) {
    const auto bits = static_cast<std::size_t>(std::popcount(mask[i]));
    if (n < bits) break;
    n -= bits;
  }
  std::uint32_t word = mask[i];
  for (; n > 0; --n) word &= word - 1;
  return static_cast<TokenId>(i * 32 + static_cast<std::size_t>(std::countr_zero(word)));
}

}  // namespace g4
