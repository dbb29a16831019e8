// Finds added tokens (special tokens, newline runs, ...) in text: leftmost first, there the
// longest, then on behind it. They cut the text before any merge happens. Immutable after
// construction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace g4 {

class AddedTokenMatcher {
 public:
  struct Match {
    std::size_t begin, end;  // bytes
    TokenId id;
  };
  // kNormalized: a space of the text counts as U+2581, as after the normalizer.
  enum class Text : std::uint8_t { kRaw, kNormalized };

  explicit AddedTokenMatcher(Text text);
  void add(std::string_view spelling, TokenId id);  // spelling must not be empty

  bool empty() const { return nodes_.size() == 1; }
  std::optional<Match> find(std::string_view text, std::size_t from) const;

 private:
  struct Node {
    std::uint8_t byte;
    TokenId id = -1;
    std::uint32_t child = 0, sibling = 0;  // 0: none
  };
  std::uint32_t step(std::uint32_t node, std::uint8_t byte) const;
  std::optional<Match> longest_at(std::string_view text, std::size_t at) const;

  Text text_;
  std::vector<Node> nodes_;                    // a trie of bytes; node 0 is the root
  std::array<std::uint32_t, 256> first_ = {};  // child of the root by byte
};

}  // namespace g4
