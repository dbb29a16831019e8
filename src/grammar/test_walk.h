// A model for tests that knows nothing: it draws any token that the mask allows, rather a short
// one, and after a while those that come to an end.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "grammar/grammar_text.h"
#include "grammar/matcher.h"
#include "grammar/processor_time.h"
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

  Walk walk(Matcher matcher, int tokens_wanted = 60, int tokens_max = 600) {
    Walk walk;
    for (int i = 0; i < tokens_max && !walk.ended && walk.status; ++i) {
      const ProcessorTime start;
      walk.status = matcher.mask(words_);
      mask_times_.push_back(start.elapsed());
      if (!walk.status) break;
      const TokenId id = i < tokens_wanted ? draw() : ending(walk.text);
      walk.status = matcher.accept(id);
      walk.ended = is_stop(id);
      if (walk.ended) break;
      walk.tokens.push_back(id);
      walk.text += real_.tokenizer->bytes(id);
    }
    return walk;
  }

  TokenId draw() { return shortest_of(4); }

  // Of all masks so far, in processor time.
  const std::vector<std::chrono::nanoseconds>& mask_times() const { return mask_times_; }

 private:
  // What closes a text, a list, an object, a call; else the shortest of many.
  TokenId ending(std::string_view text) {
    for (const TokenId id : real_.table.stops)
      if (mask_has(words_, id)) return id;
    static constexpr auto kInText =
        std::to_array<const char*>({"<|\"|>", "\"", "<|tool_call>", "<channel|>"});
    static constexpr auto kBetween = std::to_array<const char*>(
        {"<|tool_call>", "}", "]", "<tool_call|>", "<channel|>", ",", ":", "\"", "<|\"|>"});
    // What patterns ask for before they let a text end, and numbers that must not be 0.
    static constexpr auto kFiller =
        std::to_array<const char*>({"0", "5", "@", ".", ":", "a", "A", "t", "s"});
    const auto spellings = in_text(text) ? std::span<const char* const>(kInText)
                                         : std::span<const char* const>(kBetween);
    for (const char* spelling : spellings)
      if (const auto id = allowed(spelling)) return *id;
    for (int tries = 0; tries < 4; ++tries)
      if (const auto id = allowed(kFiller[random_() % kFiller.size()])) return *id;
    return shortest_of(30);
  }

  std::optional<TokenId> allowed(const char* spelling) const {
    const auto id = real_.tokenizer->find(spelling);
    return id && mask_has(words_, *id) ? id : std::nullopt;
  }

  // Within a text of JSON, or one of Gemma's calls.
  static bool in_text(std::string_view text) {
    bool inside = false;
    const bool gemma = text.find("<|\"|>") != std::string_view::npos;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (gemma ? text.substr(i).starts_with("<|\"|>") : text[i] == '"') inside = !inside;
      if (!gemma && text[i] == '\\') ++i;
    }
    return inside;
  }

  TokenId shortest_of(int tries) {
    const std::size_t count = mask_count(words_, real_.vocabulary->size());
    TokenId best = mask_nth(words_, random_() % count);
    for (int i = 1; i < tries; ++i)
      if (const TokenId other = mask_nth(words_, random_() % count); length(other) < length(best))
        best = other;
    return best;
  }

  bool is_stop(TokenId id) const {
    const auto& stops = real_.table.stops;
    return std::find(stops.begin(), stops.end(), id) != stops.end();
  }
  std::uint32_t length(TokenId id) const {
    return real_.table.lengths[static_cast<std::size_t>(id)];
  }

  const RealVocabulary& real_;
  std::minstd_rand random_;
  std::vector<std::uint32_t> words_;
  std::vector<std::chrono::nanoseconds> mask_times_;
};

inline Matcher start(const RealVocabulary& real, const Constraint& constraint) {
  auto text = write_grammar(constraint, MarkerTokens::of(*real.tokenizer));
  if (!text) throw std::runtime_error(text.error().message);
  auto grammar = CompiledGrammar::compile(real.vocabulary, text->lark());
  if (!grammar) throw std::runtime_error(grammar.error().message + "\n" + text->lark());
  return (*grammar)->start();
}

}  // namespace g4::grammar::test
