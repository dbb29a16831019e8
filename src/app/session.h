// A loaded model with its engine and service, for commands that generate in this process.
//
// Threads: generate() and generate_all() block their caller and hand events to it there; the engine
// has its own thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/options.h"
#include "base/result.h"
#include "chat/message.h"
#include "engine/engine.h"
#include "runner/loaded_model.h"
#include "service/prompt_media.h"
#include "service/service.h"

namespace g4::app {

class Session {
 public:
  static Result<std::unique_ptr<Session>> open(const ModelArguments& arguments);

  const LoadedModel& model() const { return model_; }
  const Tokenizer& tokenizer() const { return *model_.tokenizer; }
  chat::TemplateKind chat_template() const { return template_; }
  Service& service() { return *service_; }

  // A conversation in the model's template, with media for its image and video parts, in order:
  // fills prompt, images and format of the request, and whether it may think. An Error if the model
  // has no template, or no sight.
  Status chat_prompt(std::span<const chat::Message> messages, std::span<const PromptMedium> media,
                     const chat::ChatOptions& options, GenerateRequest& request) const;
  Status check_sight() const;  // an Error if the model sees no images
  // Plain text after <bos>.
  std::vector<TokenId> text_prompt(std::string_view text) const;

  // Gets the index of the request and its event; returns false to stop that request.
  using OnEvent = std::function<bool(std::size_t request, const ServiceEvent& event)>;
  // Runs all at once. `interrupted` is asked twenty times a second; true cancels everything. A
  // refusal or a failed request is an Error.
  Result<std::vector<Finished>> generate_all(std::vector<GenerateRequest> requests,
                                             const OnEvent& on_event,
                                             const std::function<bool()>& interrupted);
  Result<Finished> generate(GenerateRequest request,
                            const std::function<void(const ServiceEvent&)>& on_event,
                            const std::function<bool()>& interrupted);

 private:
  Session() = default;

  LoadedModel model_;
  chat::TemplateKind template_ = chat::TemplateKind::kNone;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Service> service_;
};

chat::Message text_message(chat::Role role, std::string text);

// "21 prompt tokens in 0.30 s (70.0/s), 40 tokens in 2.0 s (20.0/s)"
struct GenerationTimes {
  std::uint64_t prompt_tokens = 0, output_tokens = 0;
  double first_token_seconds = 0;  // from submission
  double total_seconds = 0;
  double prompt_rate() const;
  double output_rate() const;  // of the tokens after the first
  std::string text() const;
};

// Measures while events pass by.
class GenerationClock {
 public:
  GenerationClock() : start_(std::chrono::steady_clock::now()) {}
  void see(const ServiceEvent& event);
  GenerationTimes times() const { return times_; }

 private:
  std::chrono::steady_clock::time_point start_;
  bool began_ = false;
  GenerationTimes times_;
};

}  // namespace g4::app
