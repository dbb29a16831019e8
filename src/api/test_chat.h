// For tests of chat dialects: a model, and a vocabulary with the tokens of Gemma 4's chats and with
// words that cross the seams of the format.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "api/generation.h"
#include "text/test_vocabulary.h"

namespace g4::api {

inline const Tokenizer& chat_tokenizer() {
  static const Tokenizer made = [] {
    TestVocabulary vocabulary;
    for (const char* control : {"<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|tool>",
                                "<tool|>", "<|tool_call>", "<tool_call|>", "<|tool_response>",
                                "<tool_response|>", "<|\"|>", "<|think|>", "<|image|>"})
      vocabulary.add(control, VocabularySource::Kind::kControl);
    for (const auto& [left, right] : {std::pair{"c", "a"},
                                      {"ca", "l"},
                                      {"cal", "l"},
                                      {"call", ":"},
                                      {"t", "h"},
                                      {"th", "o"},
                                      {"z", "A"},
                                      {"\n", "\n"},
                                      {"}", "}"},
                                      {"{", "a"},
                                      {":", "1"},
                                      {",", "b"},
                                      {"\\", "u"}})
      vocabulary.merge(left, right);
    for (const char* stop : {"<turn|>", "<eos>", "<|tool_response>"}) {
      const auto& tokens = vocabulary.source.tokens;
      vocabulary.source.stop.push_back(
          static_cast<TokenId>(std::ranges::find(tokens, stop) - tokens.begin()));
    }
    return std::move(Tokenizer::create(vocabulary.source)).value();
  }();
  return made;
}

inline ServedModel chat_model() {
  ServedModel model;
  model.id = "m";
  model.context_tokens_max = 1000;
  model.chat_template = chat::TemplateKind::kGemma4;
  return model;
}

}  // namespace g4::api
