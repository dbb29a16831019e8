// Byte-pair encoding of text that holds no added token.
//
// Exactness: the result is that of merging over the whole text. The text is cut only where no merge
// can cross (no merge result holds the two characters side by side), and words seen before in the
// same call are copied.
// Threads: immutable after construction. Cost: n log n in the longest uncut stretch.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/merges.h"
#include "text/spelling_index.h"
#include "text/tokenizer.h"

namespace g4 {

class BytePairEncoder {
 public:
  // `forbidden` (by id): tokens that text never becomes. Every merge is of known tokens; `bytes`
  // are the tokens of the 256 byte values.
  BytePairEncoder(const SpellingIndex& spellings, const std::vector<Merge>& merges,
                  const std::array<TokenId, 256>& bytes, const std::vector<bool>& forbidden);

  // Working memory of one call of Tokenizer::encode; `output` grows, earlier content stays.
  class Call {
   public:
    Call(const BytePairEncoder& encoder, std::size_t text_bytes, std::vector<TokenId>& output);
    // Valid UTF-8; must stay in place until the last encode() of this call.
    void encode(std::string_view text);

   private:
    struct Known {  // a word and where in the output its tokens stand
      const char* text = nullptr;
      std::uint32_t bytes = 0, tokens = 0;
      std::size_t begin = 0;
    };
    void encode_word(std::string_view word, std::size_t characters);
    void append_symbols(std::string_view word);
    void merge_short();
    void merge_long();

    const BytePairEncoder& encoder_;
    std::vector<TokenId>& output_;
    std::vector<Known> known_;
    std::vector<TokenId> symbols_;      // of one word
    std::vector<std::uint32_t> ranks_;  // of the pair that begins at a symbol
    std::vector<std::uint32_t> next_, previous_;
    std::vector<std::uint64_t> queue_;  // heap of rank << 32 | symbol
  };

 private:
  static constexpr std::size_t kClasses = 1024;

  static std::size_t class_of(char32_t code_point) {
    if (code_point < 128) return code_point;
    return 128 + ((code_point * 0x9E3779B1U) >> 8) % (kClasses - 128);
  }
  bool joined(std::size_t left, std::size_t right) const {
    const std::size_t bit = left * kClasses + right;
    return (joined_[bit / 64] >> bit % 64 & 1U) != 0;
  }
  TokenId token_of(char32_t code_point) const {
    return pages_[page_[code_point >> 8]][code_point & 0xFF];
  }
  void learn_pairs(std::string_view spelling);

  const MergeTable merges_;
  std::array<TokenId, 256> bytes_;
  std::array<std::uint16_t, 0x1100> page_ = {};  // by code point >> 8; page 0 is empty
  std::vector<std::array<TokenId, 256>> pages_;  // token of one character, or -1
  std::vector<std::uint64_t> joined_;            // bit of two classes: some merge may cross
};

// What the normalizer makes of a character: a space becomes U+2581.
inline char32_t normalized(char32_t code_point) {
  return code_point == U' ' ? U'\u2581' : code_point;
}

}  // namespace g4
