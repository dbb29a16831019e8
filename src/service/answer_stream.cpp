#include "service/answer_stream.h"

#include <utility>

#include "service/text_stream.h"

namespace g4 {
namespace {

class PlainAnswer final : public AnswerStream {
 public:
  PlainAnswer(const Tokenizer& tokenizer, const GenerateRequest& request)
      : text_(tokenizer, request) {}

  ServiceEvent push(SampledToken token) override {
    TextDelta delta;
    delta.text = text_.push(token.id);
    delta.tokens.push_back(std::move(token));
    return delta;
  }

  std::optional<ServiceEvent> finish(chat::Ending) override {
    TextDelta rest;
    rest.text = text_.finish();
    if (rest.text.empty()) return std::nullopt;
    return rest;
  }

  bool complete() const override { return text_.stop_string().has_value(); }
  void describe(Finished& finished) const override {
    if (!text_.stop_string()) return;
    finished.reason = Finished::Reason::kStop;
    finished.stop_string = text_.stop_string();
    finished.stop_token.reset();
  }

 private:
  TextStream text_;
};

class ChatAnswer final : public AnswerStream {
 public:
  ChatAnswer(const Tokenizer& tokenizer, const GenerateRequest& request)
      : parser_(tokenizer, request.prompt, request.chat->tools,
                request.chat->exact_text ? chat::OutputParser::EndSpace::kKept
                                         : chat::OutputParser::EndSpace::kDropped),
        one_call_(request.chat->one_call),
        stop_strings_(request.stop),
        match_(request.include_stop_string ? StopStrings::Match::kInclude
                                           : StopStrings::Match::kDrop),
        stop_(stop_strings_, match_),
        unwatched_(request.output_tokens_min) {}

  ServiceEvent push(SampledToken token) override {
    auto step = parser_.push(token.id);
    ChatDelta delta;
    delta.part = step.part;
    if (step.part == chat::OutputParser::Part::kThought) ++thought_tokens_;
    delta.token = std::move(token);
    see(std::move(step.events), delta);
    if (unwatched_ > 0) --unwatched_;
    return delta;
  }

  std::optional<ServiceEvent> finish(chat::Ending ending) override {
    ChatDelta rest;
    see(parser_.finish(ending), rest);
    if (!complete()) flush(rest);
    if (rest.events.empty()) return std::nullopt;
    return rest;
  }

  bool complete() const override { return called_ || stop_.found(); }

  void describe(Finished& finished) const override {
    finished.thought_tokens = thought_tokens_;
    if (stop_.found()) {
      finished.reason = Finished::Reason::kStop;
      finished.stop_string = stop_.found();
      finished.stop_token.reset();
    } else if (called_ ||
               (finished.reason == Finished::Reason::kStop && parser_.whole_calls() > 0)) {
      finished.reason = Finished::Reason::kToolCalls;
    }
  }

 private:
  void see(std::vector<chat::OutputEvent> events, ChatDelta& delta) {
    for (chat::OutputEvent& event : events) {
      if (complete()) return;
      if (auto* text = std::get_if<chat::TextDelta>(&event)) {
        if (unwatched_ == 0) text->text = stop_.push(text->text);
        if (!text->text.empty()) delta.events.push_back(std::move(event));
        continue;
      }
      flush(delta);
      const auto* called = std::get_if<chat::ToolCallEnd>(&event);
      called_ = one_call_ && called && called->completion.empty();  // one that was cut ends nothing
      delta.events.push_back(std::move(event));
    }
  }

  // Text cannot become a stop string across what is no text.
  void flush(ChatDelta& delta) {
    std::string held = stop_.finish();
    stop_ = StopStrings(stop_strings_, match_);
    if (!held.empty()) delta.events.push_back(chat::TextDelta{std::move(held)});
  }

  chat::OutputParser parser_;
  const bool one_call_;
  const SharedList<std::string> stop_strings_;
  const StopStrings::Match match_;
  StopStrings stop_;
  std::uint64_t unwatched_;
  std::uint64_t thought_tokens_ = 0;
  bool called_ = false;
};

}  // namespace

std::unique_ptr<AnswerStream> make_answer_stream(const Tokenizer& tokenizer,
                                                 const GenerateRequest& request) {
  if (request.chat) return std::make_unique<ChatAnswer>(tokenizer, request);
  return std::make_unique<PlainAnswer>(tokenizer, request);
}

}  // namespace g4
