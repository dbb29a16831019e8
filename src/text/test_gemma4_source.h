// Gemma 4's vocabulary for tests: Gemma 3's 262,144 tokens with the names that Gemma 4 gives to
// some.
#pragma once

#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>

#include "text/tokenizer.h"

namespace g4 {

inline Result<VocabularySource> gemma4_test_source() {
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
                                                          {106, "<turn|>"},
                                                          {255999, "<|image>"},
                                                          {258880, "<|image|>"},
                                                          {258882, "<image|>"},
                                                          {258884, "<|video|>"}}) {
    source->tokens[static_cast<std::size_t>(id)] = name;
    source->kinds[static_cast<std::size_t>(id)] = Kind::kControl;
  }
  source->stop = known_stop_tokens(*source);
  return source;
}

}  // namespace g4
