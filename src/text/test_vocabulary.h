// A vocabulary small enough to check by hand, for tests: letters, a few words, bytes, added tokens.
#pragma once

#include <fmt/format.h>

#include <algorithm>

#include "text/tokenizer.h"

namespace g4 {

class TestVocabulary {
 public:
  using Kind = VocabularySource::Kind;

  TestVocabulary() {
    add("<pad>", Kind::kControl);
    source.eos = add("<eos>", Kind::kControl);
    source.bos = add("<bos>", Kind::kControl);
    source.unk = add("<unk>", Kind::kUnknown);
    for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), Kind::kByte);
    for (char c = '!'; c <= '~'; ++c) add(std::string(1, c), Kind::kNormal);
    add("\u2581", Kind::kNormal);
    add("\n", Kind::kNormal);
  }

  TokenId add(const std::string& spelling, Kind kind, float score = 0) {
    source.tokens.push_back(spelling);
    source.kinds.push_back(kind);
    scores.push_back(score);
    return static_cast<TokenId>(source.tokens.size()) - 1;
  }

  // A merge and, if need be, its token.
  void merge(const std::string& left, const std::string& right) {
    const auto& tokens = source.tokens;
    if (std::find(tokens.begin(), tokens.end(), left + right) == tokens.end())
      add(left + right, Kind::kNormal);
    source.merges.emplace_back(left, right);
  }

  VocabularySource source;
  std::vector<float> scores;  // given to `source` only by tests of scores
};

}  // namespace g4
