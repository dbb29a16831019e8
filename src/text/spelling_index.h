// The spellings of a vocabulary, by id and back. Immutable after construction.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace g4 {

class SpellingIndex {
 public:
  // A spelling that occurs twice is found as its first id; the empty spelling is never found.
  explicit SpellingIndex(const std::vector<std::string>& spellings);

  std::size_t size() const { return begins_.size() - 1; }
  std::string_view operator[](TokenId id) const;  // id must be inside the vocabulary
  std::optional<TokenId> find(std::string_view spelling) const;

 private:
  std::string all_;                    // every spelling, one after another
  std::vector<std::uint32_t> begins_;  // by id, and one past the end
  std::vector<TokenId> slots_;         // open addressing; -1 is free
};

std::uint64_t hash_bytes(std::string_view bytes);

}  // namespace g4
