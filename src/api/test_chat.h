// For tests of chat dialects: a vocabulary with the tokens of Gemma 4's chats, and answers to them.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "api/generation.h"
#include "text/test_vocabulary.h"

namespace g4::api {

inline const Tokenizer& chat_tokenizer() {
  static const Tokenizer made = [] {
    TestVocabulary vocabulary;
    for (const char* control :
         {"<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|tool>", "<tool|>", "<|tool_call>",
          "<tool_call|>", "<|tool_response>", "<tool_response|>", "<|\"|>", "<|think|>"})
      vocabulary.add(control, VocabularySource::Kind::kControl);
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

// Events of an answer: thoughts, text and calls in any order, cut into tokens anywhere, the last
// call perhaps cut off.
class RandomChatAnswer {
 public:
  explicit RandomChatAnswer(std::mt19937& random) : random_(random) {}

  std::vector<ServiceEvent> make() && {
    for (auto stretches = random_() % 5; stretches > 0; --stretches) switch (random_() % 3) {
        case 0:
          add_thought();
          break;
        case 1:
          add_text();
          break;
        default:
          add_call();
      }
    Finished finished;
    finished.reason = cut_                ? Finished::Reason::kLength
                      : calls_ > 0        ? Finished::Reason::kToolCalls
                      : random_() % 3 > 0 ? Finished::Reason::kStop
                                          : Finished::Reason::kLength;
    finished.output_tokens = tokens_;
    finished.thought_tokens = thoughts_;
    events_.emplace_back(finished);
    return std::move(events_);
  }

 private:
  using Part = chat::OutputParser::Part;

  void add(std::vector<chat::OutputEvent> output, Part part) {
    ChatDelta delta;
    delta.events = std::move(output);
    delta.part = part;
    delta.token = SampledToken{static_cast<TokenId>(4 + random_() % 200), -1, 1, {}};
    ++tokens_;
    thoughts_ += part == Part::kThought;
    events_.emplace_back(std::move(delta));
  }
  std::string piece() {
    const char* pieces[] = {"a", "\u00dc", "\"q\\", "\n", "\u7d42"};
    return pieces[random_() % std::size(pieces)];
  }
  void add_thought() {
    if (cut_) return;
    add({chat::ThoughtBegin{}, chat::ThoughtDelta{piece()}}, Part::kThought);
    for (auto i = random_() % 4; i > 0; --i) add({chat::ThoughtDelta{piece()}}, Part::kThought);
    add({chat::ThoughtEnd{}}, Part::kNone);
  }
  void add_text() {
    if (cut_) return;
    if (random_() % 3 == 0) add({}, Part::kText);
    for (auto i = random_() % 4; i > 0; --i) add({chat::TextDelta{piece()}}, Part::kText);
    if (random_() % 3 == 0) add({}, Part::kText);
  }
  void add_call() {
    if (cut_) return;
    const std::size_t i = calls_++;
    cut_ = random_() % 8 == 0;
    add({chat::ToolCallBegin{i, "f"}, chat::ToolCallArguments{i, "{\"a\":"}}, Part::kCall);
    add({chat::ToolCallArguments{i, "\"" + std::string(random_() % 2, 'x')}}, Part::kCall);
    if (cut_)
      add({chat::ToolCallEnd{i, "\"}"}}, Part::kCall);
    else
      add({chat::ToolCallArguments{i, "\"}"}, chat::ToolCallEnd{i, ""}}, Part::kCall);
  }

  std::mt19937& random_;
  std::vector<ServiceEvent> events_;
  std::uint64_t tokens_ = 0, thoughts_ = 0;
  std::size_t calls_ = 0;
  bool cut_ = false;
};

inline std::vector<ServiceEvent> random_chat_answer(std::mt19937& random) {
  return RandomChatAnswer(random).make();
}

}  // namespace g4::api
