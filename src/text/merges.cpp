#include "text/merges.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cassert>

namespace g4 {
namespace {

bool continues_character(char c) { return (static_cast<std::uint8_t>(c) & 0xC0) == 0x80; }

}  // namespace

Result<std::vector<Merge>> resolve_merges(
    const SpellingIndex& spellings,
    const std::vector<std::pair<std::string, std::string>>& spelled) {
  std::vector<Merge> merges;
  merges.reserve(spelled.size());
  std::string joined;
  for (const auto& [left, right] : spelled) {
    joined.assign(left).append(right);
    const auto l = spellings.find(left), r = spellings.find(right), whole = spellings.find(joined);
    if (!l || !r || !whole)
      return Error{fmt::format("merge {} (\"{}\" with \"{}\"): \"{}\" is not in the vocabulary",
                               merges.size(), left, right,
                               !l   ? left
                               : !r ? right
                                    : joined)};
    merges.push_back({*l, *r, *whole});
  }
  return merges;
}

std::vector<Merge> derive_merges(const SpellingIndex& spellings, const std::vector<float>& scores) {
  assert(scores.size() == spellings.size());
  struct Candidate {
    Merge merge;
    float score;
    std::uint32_t left_characters, right_characters;
  };
  std::vector<Candidate> candidates;
  candidates.reserve(2 * spellings.size());
  for (std::size_t i = 0; i < spellings.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view whole = spellings[id];
    if (whole.empty() || spellings.find(whole) != id) continue;
    const auto characters = static_cast<std::uint32_t>(
        whole.size() - std::count_if(whole.begin(), whole.end(), continues_character));
    std::uint32_t left_characters = 0;
    for (std::size_t cut = 1; cut < whole.size(); ++cut) {
      if (continues_character(whole[cut])) continue;
      ++left_characters;
      const auto left = spellings.find(whole.substr(0, cut));
      if (!left) continue;
      const auto right = spellings.find(whole.substr(cut));
      if (!right) continue;
      candidates.push_back(
          {{*left, *right, id}, scores[i], left_characters, characters - left_characters});
    }
  }
  std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) {
    if (a.score != b.score) return a.score > b.score;
    if (a.left_characters != b.left_characters) return a.left_characters > b.left_characters;
    if (a.right_characters != b.right_characters) return a.right_characters > b.right_characters;
    return a.merge.result < b.merge.result;
  });
  std::vector<Merge> merges;
  merges.reserve(candidates.size());
  for (const Candidate& candidate : candidates) merges.push_back(candidate.merge);
  return merges;
}

MergeTable::MergeTable(const std::vector<Merge>& merges, const std::vector<bool>& forbidden)
    : mask_(std::bit_ceil(std::max<std::size_t>(merges.size() + merges.size() / 2, 8)) - 1),
      slots_(mask_ + 1, kFree) {
  assert(merges.size() <= kMergesMax);
  results_.reserve(merges.size());
  for (const Merge& merge : merges) {
    const std::uint64_t rank = results_.size();
    results_.push_back(merge.result);
    if (forbidden[static_cast<std::size_t>(merge.result)]) continue;
    const std::uint64_t key = pair_key(merge.left, merge.right);
    std::size_t slot = home(key);
    while (slots_[slot] != kFree && slots_[slot] >> kRankBits != key) slot = (slot + 1) & mask_;
    slots_[slot] = key << kRankBits | rank;
  }
}

}  // namespace g4
