#include "sampling/repetition_guard.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <limits>

namespace g4 {
namespace {

constexpr TokenId kNoToken = -1;
constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

}  // namespace

Status validate(const RepetitionLimits& limits) {
  if (limits.block_tokens_min < 1 || limits.block_tokens_min > limits.block_tokens_max ||
      limits.block_tokens_max > RepetitionLimits::kBlockTokensMax)
    return Error{fmt::format(
        "repeated blocks of {} to {} tokens are to be found; both must lie between 1 and {}",
        limits.block_tokens_min, limits.block_tokens_max, RepetitionLimits::kBlockTokensMax)};
  if (limits.repeats_min < 2)
    return Error{
        fmt::format("{} repeats of a block are no repetition; at least 2 are", limits.repeats_min)};
  return {};
}

RepetitionGuard::RepetitionGuard(const RepetitionLimits& limits)
    : limits_(limits),
      last_(limits.block_tokens_max, kNoToken),
      equal_(limits.block_tokens_max),
      stuck_(limits.block_tokens_max) {
  assert(validate(limits));
  last_.reserve(std::size_t{2} * limits.block_tokens_max);
  for (std::uint32_t i = 0; i < limits.block_tokens_max; ++i) {
    const std::uint64_t block = limits.block_tokens_max - i;
    const std::uint64_t repeated =
        std::max<std::uint64_t>(block * limits.repeats_min, limits.tokens_min);
    // The first block equals nothing before it. A sum that no output reaches is cut to kNever.
    stuck_[i] = block < limits.block_tokens_min
                    ? kNever
                    : static_cast<std::uint32_t>(std::min<std::uint64_t>(repeated - block, kNever));
  }
}

std::optional<Repetition> RepetitionGuard::push(TokenId token) {
  const std::size_t n = equal_.size();
  const TokenId* const before = last_.data() + (last_.size() - n);
  bool stuck = false;
  for (std::size_t i = 0; i < n; ++i) {
    equal_[i] = before[i] == token ? equal_[i] + 1 : 0;
    stuck |= equal_[i] >= stuck_[i];
  }
  if (last_.size() == 2 * n)
    last_.erase(last_.begin(), last_.begin() + static_cast<std::ptrdiff_t>(n));
  last_.push_back(token);
  if (!stuck) return std::nullopt;
  std::size_t shortest = n - 1;
  while (equal_[shortest] < stuck_[shortest]) --shortest;
  const auto block = static_cast<std::uint32_t>(n - shortest);
  return Repetition{block, equal_[shortest] / block + 1};
}

}  // namespace g4
