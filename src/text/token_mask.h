// TokenMask: a set of token ids as bits, which grammar libraries write and the sampler reads.
// Bit id % 32 of word id / 32 is token id; bits behind the vocabulary mean nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "text/tokenizer.h"

namespace g4 {

using TokenMask = std::span<const std::uint32_t>;

constexpr std::size_t mask_words(std::size_t vocab_size) { return (vocab_size + 31) / 32; }

constexpr bool mask_has(TokenMask mask, TokenId id) {
  const auto bit = static_cast<std::uint32_t>(id);
  return (mask[bit / 32] >> (bit % 32) & 1) != 0;
}

// How many ids below vocab_size are in it.
std::size_t mask_count(TokenMask mask, std::size_t vocab_size);
// The n-th token in it, from 0; n is below their count.
TokenId mask_nth(TokenMask mask, std::size_t n);

}  // namespace g4
