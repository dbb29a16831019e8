// Reading a mask: bit id % 32 of word id / 32 says whether token `id` is allowed.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "text/tokenizer.h"

namespace g4::grammar {

inline bool is_allowed(std::span<const std::uint32_t> mask, TokenId id) {
  return (mask[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1U) != 0;
}

inline std::size_t count_allowed(std::span<const std::uint32_t> mask) {
  std::size_t count = 0;
  for (const std::uint32_t word : mask) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

// The n-th allowed token, from 0; n is below count_allowed().
inline TokenId nth_allowed(std::span<const std::uint32_t> mask, std::size_t n) {
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

}  // namespace g4::grammar
