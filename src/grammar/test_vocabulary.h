// Gemma 4's vocabulary for tests: Gemma 3's 262,144 tokens with the names that Gemma 4 gives to
// some.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "grammar/vocabulary.h"
#include "text/tokenizer.h"

namespace g4::grammar::test {

inline Result<VocabularySource> gemma4_source() {
  const char* folder = std::getenv("G4_TEST_MODELS");
  const std::string home = std::getenv("HOME") ? std::getenv("HOME") : "";
  const std::string path =
      (folder ? folder : home + "/.cache/gemma4/test-models") + "/gemma3-tokenizer.json";
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Error{"no " + path +
                 "; G4_TEST_MODELS should name a folder with it; ./test.sh provides it."};
  const std::string json{std::istreambuf_iterator<char>(file), {}};
  auto source = vocabulary_from_tokenizer_json(json);
  if (!source) return source;
  using Kind = VocabularySource::Kind;
  for (const auto& [id, name] :
       std::initializer_list<std::pair<int, const char*>>{{46, "<|tool>"},
                                                          {47, "<tool|>"},
                                                          {48, "<|tool_call>"},
                                                          {49, "<tool_call|>"},
                                                          {50, "<|tool_response>"},
                                                          {51, "<tool_response|>"},
                                                          {52, "<|\"|>"},
                                                          {98, "<|think|>"},
                                                          {100, "<|channel>"},
                                                          {101, "<channel|>"},
                                                          {105, "<|turn>"},
                                                          {106, "<turn|>"}}) {
    source->tokens[static_cast<std::size_t>(id)] = name;
    source->kinds[static_cast<std::size_t>(id)] = Kind::kControl;
  }
  source->stop = known_stop_tokens(*source);
  return source;
}

// One for all tests of a process: it takes seconds to make.
struct RealVocabulary {
  std::shared_ptr<const Tokenizer> tokenizer;
  TokenTable table;
  std::shared_ptr<const Vocabulary> vocabulary;

  static const RealVocabulary& get() {
    static const RealVocabulary made = make();
    return made;
  }

 private:
  static RealVocabulary make() {
    auto source = gemma4_source();
    if (!source) {
      ADD_FAILURE() << source.error().message;
      std::exit(1);
    }
    RealVocabulary real;
    real.tokenizer =
        std::make_shared<const Tokenizer>(std::move(Tokenizer::create(*std::move(source))).value());
    real.table = token_table(*real.tokenizer);
    real.vocabulary = Vocabulary::create(real.table, real.tokenizer).value();
    return real;
  }
};

}  // namespace g4::grammar::test
