// A model for tests that knows nothing: it draws any token that the mask allows, rather a short
// one, and after a while those that come to an end.
#pragma once

#include <algorithm>
#include <bit>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "grammar/grammar_text.h"
#include "grammar/matcher.h"
#include "grammar/test_vocabulary.h"

namespace g4::grammar::test {

struct Walk {
  std::vector<TokenId> tokens;  // without the stop token
  std::string text;             // special tokens as their names
  bool ended = false;
  Status status;
};

class RandomModel {
 public:
  explicit RandomModel(const RealVocabulary& real, std::uint32_t seed = 1)
      : real_(real), random_(seed), words_(mask_words(*real.vocabulary)) {}

  static bool allowed(const std::vector<std::uint32_t>& words, TokenId id) {
    return (words[static_cast<std::size_t>(id) / 32] >> (id % 32) & 1U) != 0;
  }

  Walk walk(Matcher matcher, int tokens_wanted = 60, int tokens_max = 600) {
    Walk walk;
    for (int i = 0; i < tokens_max && !walk.ended && walk.status; ++i) {
      walk.status = matcher.mask(words_);
      if (!walk.status) break;
      const TokenId id = i < tokens_wanted ? draw() : ending();
      walk.status = matcher.accept(id);
      walk.ended = is_stop(id);
      if (walk.ended) break;
      walk.tokens.push_back(id);
      walk.text += real_.tokenizer->bytes(id);
    }
    return walk;
  }

  TokenId draw() {
    fill();
    TokenId best = any();
    for (int i = 0; i < 3; ++i)
      if (const TokenId other = any(); length(other) < length(best)) best = other;
    return best;
  }

  const std::vector<std::uint32_t>& words() const { return words_; }

 private:
  // What closes a text, a list, an object, a call; else the shortest of many.
  TokenId ending() {
    for (const TokenId id : real_.table.stops)
      if (allowed(words_, id)) return id;
    for (const char* spelling : {"<|\"|>", "\"", "}", "]", "<tool_call|>", "<channel|>", "0"})
      if (const auto id = real_.tokenizer->find(spelling); id && allowed(words_, *id)) return *id;
    fill();
    TokenId best = any();
    for (int i = 0; i < 30; ++i)
      if (const TokenId other = any(); length(other) < length(best)) best = other;
    return best;
  }

  bool is_stop(TokenId id) const {
    const auto& stops = real_.table.stops;
    return std::find(stops.begin(), stops.end(), id) != stops.end();
  }
  void fill() {
    ids_.clear();
    for (std::size_t i = 0; i < words_.size(); ++i)
      for (std::uint32_t word = words_[i]; word != 0; word &= word - 1)
        ids_.push_back(static_cast<TokenId>(i * 32) + static_cast<TokenId>(std::countr_zero(word)));
  }
  TokenId any() { return ids_[random_() % ids_.size()]; }
  std::uint32_t length(TokenId id) const {
    return real_.table.lengths[static_cast<std::size_t>(id)];
  }

  const RealVocabulary& real_;
  std::minstd_rand random_;
  std::vector<std::uint32_t> words_;
  std::vector<TokenId> ids_;
};

inline Matcher start(const RealVocabulary& real, const Constraint& constraint) {
  auto text = write_grammar(constraint, MarkerTokens::of(*real.tokenizer));
  if (!text) throw std::runtime_error(text.error().message);
  auto grammar = CompiledGrammar::compile(real.vocabulary, text->lark());
  if (!grammar) throw std::runtime_error(grammar.error().message + "\n" + text->lark());
  return (*grammar)->start();
}

}  // namespace g4::grammar::test
