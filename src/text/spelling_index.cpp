#include "text/spelling_index.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>

namespace g4 {

std::uint64_t hash_bytes(std::string_view bytes) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;
  std::uint64_t hash = bytes.size() * kOdd;
  const auto mix = [&](std::uint64_t word) {
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 32;
  };
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    mix(word);
  }
  std::uint64_t tail = 0;
  for (const char c : bytes) tail = tail << 8 | static_cast<std::uint8_t>(c);
  mix(tail);
  return hash;
}

SpellingIndex::SpellingIndex(const std::vector<std::string>& spellings) {
  std::size_t bytes = 0;
  for (const std::string& spelling : spellings) bytes += spelling.size();
  assert(bytes <= UINT32_MAX);
  all_.reserve(bytes);
  begins_.reserve(spellings.size() + 1);
  slots_.assign(std::bit_ceil(std::max<std::size_t>(2 * spellings.size(), 8)), -1);
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t id = 0; id < spellings.size(); ++id) {
    begins_.push_back(static_cast<std::uint32_t>(all_.size()));
    all_.append(spellings[id]);
    if (spellings[id].empty()) continue;
    std::size_t slot = hash_bytes(spellings[id]) & mask;
    while (slots_[slot] >= 0 && spellings[static_cast<std::size_t>(slots_[slot])] != spellings[id])
      slot = (slot + 1) & mask;
    if (slots_[slot] < 0) slots_[slot] = static_cast<TokenId>(id);
  }
  begins_.push_back(static_cast<std::uint32_t>(all_.size()));
}

std::string_view SpellingIndex::operator[](TokenId id) const {
  const auto at = static_cast<std::size_t>(id);
  assert(id >= 0 && at < size());
  return std::string_view(all_).substr(begins_[at], begins_[at + 1] - begins_[at]);
}

std::optional<TokenId> SpellingIndex::find(std::string_view spelling) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t slot = hash_bytes(spelling) & mask; slots_[slot] >= 0; slot = (slot + 1) & mask)
    if ((*this)[slots_[slot]] == spelling) return slots_[slot];
  return std::nullopt;
}

}  // namespace g4
