#include "app/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "app/models_folder.h"
#include "base/progress.h"
#include "base/thread_annotations.h"
#include "service/media_prompt.h"

namespace g4::app {
namespace {

using Clock = std::chrono::steady_clock;

// Events on their way from the engine thread to the caller of generate_all().
class EventQueue {
 public:
  using Item = std::pair<std::size_t, ServiceEvent>;

  void push(std::size_t request, ServiceEvent event) {
    const Lock lock(mutex_);
    items_.emplace_back(request, std::move(event));
    arrived_.notify_one();
  }

  // All that came, or nothing after `wait`.
  std::deque<Item> take(std::chrono::milliseconds wait) {
    const Lock lock(mutex_);
    if (items_.empty()) arrived_.wait_for(mutex_, wait);
    return std::exchange(items_, {});
  }

 private:
  Mutex mutex_;
  CondVar arrived_;
  std::deque<Item> items_ GUARDED_BY(mutex_);
};

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Placeholders and delimiters of media mean nothing in an answer, and embeddings may have more rows
// than the vocabulary has words.
std::vector<TokenId> never_sampled(const Tokenizer& tokenizer, const ModelConfig& config) {
  std::vector<TokenId> ids;
  if (config.family == Family::kGemma4)
    for (const char* spelling :
         {"<|image>", "<image|>", "<|image|>", "<|audio>", "<audio|>", "<|audio|>", "<|video|>"})
      if (const auto id = tokenizer.find(spelling)) ids.push_back(*id);
  for (auto id = static_cast<std::int64_t>(tokenizer.size()); id < config.vocab; ++id)
    ids.push_back(static_cast<TokenId>(id));
  return ids;
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const ModelArguments& arguments) {
  const std::filesystem::path path = G4_TRY(find_model(arguments.model));
  LoadOptions options = to_load_options(arguments);
  Progress progress("loading " + path.filename().string(), 0,
                    {.style = arguments.quiet ? Progress::Style::kQuiet : Progress::Style::kAuto});
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    progress.set_total(total);
    progress.set_done(done);
  };
  std::unique_ptr<Session> session(new Session());
  session->model_ = G4_TRY(load_model(path.string(), options));
  progress.finish();
  session->template_ = choose_template(arguments.chat_template, session->tokenizer());
  session->engine_ = std::make_unique<Engine>(
      std::move(session->model_.runner),
      EngineOptions{.running_max = arguments.parallel,
                    .queue_max = arguments.queue,
                    .suppressed = never_sampled(session->tokenizer(), session->model_.config)});
  session->service_ = std::make_unique<Service>(*session->engine_, session->tokenizer());
  return session;
}

Status Session::check_sight() const {
  if (!has_image_tokens(tokenizer())) return Error{fmt::format("{} reads text only", model_.path)};
  if (!model_.vision)
    return Error{fmt::format("{} reads text only: give the file of its vision tower with --mmproj",
                             model_.path)};
  return {};
}

Status Session::chat_prompt(std::span<const chat::Message> messages,
                            std::span<const PromptMedium> media, const chat::ChatOptions& options,
                            GenerateRequest& request) const {
  if (template_ == chat::TemplateKind::kNone)
    return Error{fmt::format(
        "{} is a base model: it continues text and has no chat template (use `gemma4 run`, or "
        "--chat-template if you know which one it was trained with)",
        model_.path)};
  if (!media.empty()) G4_TRY(check_sight());
  if (options.thinking && !chat::supports_thinking(template_))
    return Error{fmt::format("{} does not think before it answers", model_.path)};
  const chat::Rendered rendered = G4_TRY(chat::render(template_, messages, {}, options));
  MediaPrompt prompt = G4_TRY(place_media(rendered, media, tokenizer()));
  request.prompt = std::move(prompt.tokens);
  request.images = std::move(prompt.images);
  request.chat = ChatFormat{};
  request.form.may_think = options.thinking;
  return {};
}

std::vector<TokenId> Session::text_prompt(std::string_view text) const {
  std::vector<TokenId> ids;
  if (const std::optional<TokenId> bos = tokenizer().bos()) ids.push_back(*bos);
  const std::vector<TokenId> rest = tokenizer().encode(text);
  ids.insert(ids.end(), rest.begin(), rest.end());
  return ids;
}

Result<std::vector<Finished>> Session::generate_all(std::vector<GenerateRequest> requests,
                                                    const OnEvent& on_event,
                                                    const std::function<bool()>& interrupted) {
  const auto queue = std::make_shared<EventQueue>();
  std::vector<StreamId> ids;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    auto taken = service_->submit(std::move(requests[i]), [queue, i](ServiceEvent event) {
      queue->push(i, std::move(event));
    });
    if (const Refusal* refusal = std::get_if<Refusal>(&taken)) {
      for (const StreamId id : ids) service_->cancel(id);
      return Error{refusal->message};
    }
    ids.push_back(std::get<StreamId>(taken));
  }
  std::vector<Finished> ends(ids.size());
  for (std::size_t running = ids.size(); running > 0;) {
    for (auto& [request, event] : queue->take(std::chrono::milliseconds(50))) {
      if (!on_event(request, event)) service_->cancel(ids[request]);
      if (Finished* end = std::get_if<Finished>(&event)) {
        ends[request] = std::move(*end);
        --running;
      }
    }
    if (interrupted())
      for (const StreamId id : ids) service_->cancel(id);
  }
  for (const Finished& end : ends)
    if (end.reason == Finished::Reason::kError) return Error{end.error};
  return ends;
}

Result<Finished> Session::generate(GenerateRequest request,
                                   const std::function<void(const ServiceEvent&)>& on_event,
                                   const std::function<bool()>& interrupted) {
  std::vector<GenerateRequest> requests;
  requests.push_back(std::move(request));
  std::vector<Finished> ends = G4_TRY(generate_all(
      std::move(requests),
      [&](std::size_t, const ServiceEvent& event) {
        on_event(event);
        return true;
      },
      interrupted));
  return std::move(ends.front());
}

chat::Message text_message(chat::Role role, std::string text) {
  chat::Message message;
  message.role = role;
  message.content = std::move(text);
  return message;
}

double GenerationTimes::prompt_rate() const {
  return first_token_seconds > 0 ? static_cast<double>(prompt_tokens) / first_token_seconds : 0;
}

double GenerationTimes::output_rate() const {
  const double seconds = total_seconds - first_token_seconds;
  return output_tokens > 1 && seconds > 0 ? static_cast<double>(output_tokens - 1) / seconds : 0;
}

std::string GenerationTimes::text() const {
  return fmt::format("{} prompt tokens in {:.2f} s ({:.1f}/s), {} tokens in {:.2f} s ({:.1f}/s)",
                     prompt_tokens, first_token_seconds, prompt_rate(), output_tokens,
                     total_seconds - first_token_seconds, output_rate());
}

void GenerationClock::see(const ServiceEvent& event) {
  if (!std::holds_alternative<PromptScored>(event) && !std::exchange(began_, true))
    times_.first_token_seconds = seconds_since(start_);
  if (const Finished* end = std::get_if<Finished>(&event)) {
    times_.total_seconds = seconds_since(start_);
    if (!began_) times_.first_token_seconds = times_.total_seconds;
    times_.prompt_tokens = end->prompt_tokens;
    times_.output_tokens = end->output_tokens;
  }
}

}  // namespace g4::app
