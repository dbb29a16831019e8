#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <functional>

#include "base/utf8.h"

namespace g4 {
namespace {

constexpr std::uint32_t kEnd = UINT32_MAX;
constexpr std::size_t kShortSymbols = 64;   // quadratic merging is quicker up to here
constexpr std::size_t kKnownBytesMax = 64;  // longer words are rarely seen twice
constexpr std::size_t kKnownWordsMax = 1 << 14;

// Class of U+2581: that of the space it stands for.
constexpr char32_t kMark = U'\u2581';

}  // namespace

BytePairEncoder::BytePairEncoder(const SpellingIndex& spellings, const std::vector<Merge>& merges,
                                 const std::array<TokenId, 256>& bytes,
                                 const std::vector<bool>& forbidden)
    : merges_(merges, forbidden), bytes_(bytes), joined_(kClasses * kClasses / 64) {
  pages_.emplace_back().fill(-1);
  for (std::size_t i = 0; i < spellings.size(); ++i) {
    const auto id = static_cast<TokenId>(i);
    const std::string_view spelling = spellings[id];
    if (spelling.empty() || forbidden[i]) continue;
    const Utf8Step step = next_utf8(spelling);
    if (step.length != spelling.size() || step.kind != Utf8Step::Kind::kCharacter) continue;
    std::uint16_t& page = page_[step.code_point >> 8];
    if (page == 0) {
      page = static_cast<std::uint16_t>(pages_.size());
      pages_.emplace_back().fill(-1);
    }
    TokenId& token = pages_[page][step.code_point & 0xFF];
    if (token < 0) token = id;
  }
  for (const Merge& merge : merges) learn_pairs(spellings[merge.result]);
}

void BytePairEncoder::learn_pairs(std::string_view spelling) {
  std::size_t left = kClasses;
  while (!spelling.empty()) {
    const Utf8Step step = next_utf8(spelling);
    const std::size_t right = step.code_point == kMark ? ' ' : class_of(step.code_point);
    if (left != kClasses) {
      const std::size_t bit = left * kClasses + right;
      joined_[bit / 64] |= std::uint64_t{1} << bit % 64;
    }
    left = right;
    spelling.remove_prefix(step.length);
  }
}

BytePairEncoder::Call::Call(const BytePairEncoder& encoder, std::size_t text_bytes,
                            std::vector<TokenId>& output)
    : encoder_(encoder),
      output_(output),
      known_(std::bit_ceil(std::clamp<std::size_t>(text_bytes / 16, 16, kKnownWordsMax))) {
  output_.reserve(output_.size() + text_bytes / 4 + 8);
}

void BytePairEncoder::Call::encode(std::string_view text) {
  assert(text.size() < kEnd);
  std::size_t begin = 0, at = 0, characters = 0, left = 0;
  while (at < text.size()) {
    const Utf8Step step = next_utf8(text.substr(at));
    assert(step.kind == Utf8Step::Kind::kCharacter);
    const std::size_t right = step.code_point == kMark ? ' ' : class_of(step.code_point);
    if (at != begin && !encoder_.joined(left, right)) {
      encode_word(text.substr(begin, at - begin), characters);
      begin = at;
      characters = 0;
    }
    left = right;
    ++characters;
    at += step.length;
  }
  if (characters != 0) encode_word(text.substr(begin), characters);
}

void BytePairEncoder::Call::encode_word(std::string_view word, std::size_t characters) {
  Known* known = nullptr;
  if (characters > 1 && word.size() <= kKnownBytesMax) {
    known = &known_[hash_bytes(word) & (known_.size() - 1)];
    if (known->bytes == word.size() && std::memcmp(known->text, word.data(), word.size()) == 0) {
      const std::size_t to = output_.size();
      output_.resize(to + known->tokens);
      std::copy_n(output_.begin() + static_cast<std::ptrdiff_t>(known->begin), known->tokens,
                  output_.begin() + static_cast<std::ptrdiff_t>(to));
      return;
    }
  }
  const std::size_t begin = output_.size();
  append_symbols(word);
  if (symbols_.size() <= kShortSymbols)
    merge_short();
  else
    merge_long();
  if (known != nullptr)
    *known = {word.data(), static_cast<std::uint32_t>(word.size()),
              static_cast<std::uint32_t>(output_.size() - begin), begin};
}

void BytePairEncoder::Call::append_symbols(std::string_view word) {
  symbols_.clear();
  while (!word.empty()) {
    const Utf8Step step = next_utf8(word);
    word.remove_prefix(step.length);
    const char32_t code_point = normalized(step.code_point);
    const TokenId token = encoder_.token_of(code_point);
    if (token >= 0) {
      symbols_.push_back(token);
      continue;
    }
    std::string character;
    append_utf8(character, code_point);
    for (const char c : character)
      symbols_.push_back(encoder_.bytes_[static_cast<std::uint8_t>(c)]);
  }
}

// The best pair is searched anew after each merge.
void BytePairEncoder::Call::merge_short() {
  std::size_t n = symbols_.size();
  std::array<std::uint32_t, kShortSymbols + 1> ranks;
  const MergeTable& merges = encoder_.merges_;
  const auto rank_at = [&](std::size_t i) {
    return i + 1 < n ? merges.rank(symbols_[i], symbols_[i + 1]) : MergeTable::kNoMerge;
  };
  for (std::size_t i = 0; i < n; ++i) ranks[i] = rank_at(i);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i)
      if (ranks[i] < ranks[best]) best = i;
    if (ranks[best] == MergeTable::kNoMerge) break;
    symbols_[best] = merges.result(ranks[best]);
    for (std::size_t i = best + 1; i + 1 < n; ++i) {
      symbols_[i] = symbols_[i + 1];
      ranks[i] = ranks[i + 1];
    }
    --n;
    ranks[best] = rank_at(best);
    if (best > 0) ranks[best - 1] = rank_at(best - 1);
  }
  output_.insert(output_.end(), symbols_.begin(),
                 symbols_.begin() + static_cast<std::ptrdiff_t>(n));
}

// A heap holds every pair that has been seen; an entry counts if its symbol still has that rank.
void BytePairEncoder::Call::merge_long() {
  const std::size_t n = symbols_.size();
  const MergeTable& merges = encoder_.merges_;
  ranks_.assign(n, MergeTable::kNoMerge);
  next_.resize(n);
  previous_.resize(n);
  queue_.clear();
  const auto entry = [&](std::uint32_t i) { return std::uint64_t{ranks_[i]} << 32 | i; };
  for (std::uint32_t i = 0; i < n; ++i) {
    next_[i] = i + 1 < n ? i + 1 : kEnd;
    previous_[i] = i > 0 ? i - 1 : kEnd;
    if (i + 1 < n) ranks_[i] = merges.rank(symbols_[i], symbols_[i + 1]);
    if (ranks_[i] != MergeTable::kNoMerge) queue_.push_back(entry(i));
  }
  std::make_heap(queue_.begin(), queue_.end(), std::greater<>());
  const auto update = [&](std::uint32_t i) {
    if (i == kEnd) return;
    ranks_[i] =
        next_[i] == kEnd ? MergeTable::kNoMerge : merges.rank(symbols_[i], symbols_[next_[i]]);
    if (ranks_[i] == MergeTable::kNoMerge) return;
    queue_.push_back(entry(i));
    std::push_heap(queue_.begin(), queue_.end(), std::greater<>());
  };
  while (!queue_.empty()) {
    std::pop_heap(queue_.begin(), queue_.end(), std::greater<>());
    const std::uint64_t top = queue_.back();
    queue_.pop_back();
    const auto i = static_cast<std::uint32_t>(top);
    const auto rank = static_cast<std::uint32_t>(top >> 32);
    if (ranks_[i] != rank) continue;
    const std::uint32_t gone = next_[i];
    symbols_[i] = merges.result(rank);
    ranks_[gone] = MergeTable::kNoMerge;
    next_[i] = next_[gone];
    if (next_[i] != kEnd) previous_[next_[i]] = i;
    update(i);
    update(previous_[i]);
  }
  for (std::uint32_t i = 0; i != kEnd; i = next_[i]) output_.push_back(symbols_[i]);
}

}  // namespace g4
