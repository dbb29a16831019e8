#include "service/service.h"

#include <algorithm>
#include <utility>

#include "base/thread_annotations.h"
#include "engine/door.h"
#include "service/answer_stream.h"
#include "service/stop_strings.h"

namespace g4 {
namespace {

template <class... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

Finished::Reason to_reason(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return Finished::Reason::kStop;
    case FinishReason::kLength:
      return Finished::Reason::kLength;
    case FinishReason::kRepetition:
      return Finished::Reason::kRepetition;
    case FinishReason::kCancelled:
      return Finished::Reason::kCancelled;
    case FinishReason::kError:
      break;
  }
  return Finished::Reason::kError;
}

// One request. Lives in the engine's sink; its text side is touched by the engine thread only.
class Stream {
 public:
  Stream(Engine& engine, const Tokenizer& tokenizer, const GenerateRequest& request,
         ServiceSink sink)
      : engine_(engine),
        tokenizer_(tokenizer),
        answer_(make_answer_stream(tokenizer, request)),
        sink_(std::move(sink)),
        wants_prompt_(request.prompt_logprobs.has_value()),
        prompt_tokens_(request.prompt.size()) {}

  void on_event(EngineEvent event) {
    if (finished_) return;  // the answer was complete; the engine's own end follows
    std::visit(Overloaded{[this](PromptEvent& e) { on_prompt(std::move(e)); },
                          [this](TokenEvent& e) { on_token(std::move(e.token)); },
                          [this](FinishEvent& e) { on_finish(std::move(e)); }},
               event);
  }

  // The engine's first events may come before submit() knows the id; a cancellation that was
  // wanted meanwhile is made up for here.
  void set_id(RequestId id) {
    const Lock lock(mutex_);
    id_ = id;
    if (cancel_wanted_) engine_.cancel(id);
  }

 private:
  void on_prompt(PromptEvent event) {
    queued_ = event.queued;
    if (wants_prompt_) sink_(PromptScored{std::move(event.logprobs)});
  }

  void on_token(SampledToken token) {
    ++output_tokens_;
    sink_(answer_->push(std::move(token)));
    if (!answer_->complete()) return;
    cancel_in_engine();
    finish({});
  }

  void on_finish(FinishEvent event) {
    // A stop token of the request cuts the answer, as a stop string does.
    const auto own = tokenizer_.stop();
    const bool ended_itself =
        event.stop_token && std::find(own.begin(), own.end(), *event.stop_token) != own.end();
    if (auto rest = answer_->finish(ended_itself ? chat::Ending::kStop : chat::Ending::kCut))
      sink_(*std::move(rest));
    Finished end;
    end.reason = to_reason(event.reason);
    end.stop_token = event.stop_token;
    end.repetition = event.repetition;
    end.error = std::move(event.error);
    output_tokens_ = event.output_tokens;
    finish(std::move(end));
  }

  void finish(Finished end) {
    finished_ = true;
    if (end.reason != Finished::Reason::kError) answer_->describe(end);
    end.prompt_tokens = prompt_tokens_;
    end.output_tokens = output_tokens_;
    end.queued = queued_;
    sink_(std::move(end));
    sink_ = nullptr;  // what the caller captured is free now
  }

  void cancel_in_engine() {
    const Lock lock(mutex_);
    cancel_wanted_ = true;
    if (id_) engine_.cancel(*id_);
  }

  Engine& engine_;
  const Tokenizer& tokenizer_;
  const std::unique_ptr<AnswerStream> answer_;
  ServiceSink sink_;
  const bool wants_prompt_;
  const std::uint64_t prompt_tokens_;
  std::uint64_t output_tokens_ = 0;
  std::optional<std::chrono::nanoseconds> queued_;
  bool finished_ = false;

  Mutex mutex_;
  std::optional<RequestId> id_ GUARDED_BY(mutex_);
  bool cancel_wanted_ GUARDED_BY(mutex_) = false;
};

}  // namespace

struct Service::Impl {
  Engine& engine;
  const Tokenizer& tokenizer;

  EngineRequest to_engine(GenerateRequest request) const;
};

EngineRequest Service::Impl::to_engine(GenerateRequest request) const {
  EngineRequest out;
  // A prompt that leaves no room still asks for one token, so that the engine refuses with numbers.
  const std::uint64_t room =
      std::max<std::uint64_t>(output_tokens_room(engine.limits(), request.prompt.size()), 1);
  out.output_tokens_max = request.output_tokens_max.value_or(room);
  if (request.fit_output) out.output_tokens_max = std::min(out.output_tokens_max, room);
  out.output_tokens_min = request.output_tokens_min;
  if (request.form.says_something())
    out.rule = make_answer_rule(tokenizer, request.prompt, std::move(request.form));
  out.prompt = std::move(request.prompt);
  out.sampling = std::move(request.sampling);
  out.stop_tokens.assign(request.stop_tokens.begin(), request.stop_tokens.end());
  if (!request.ignore_eos)
    out.stop_tokens.insert(out.stop_tokens.end(), tokenizer.stop().begin(), tokenizer.stop().end());
  out.prompt_logprobs = request.prompt_logprobs;
  out.images = std::move(request.images);
  out.repetition = request.repetition;
  return out;
}

Service::Service(Engine& engine, const Tokenizer& tokenizer)
    : impl_(std::make_unique<Impl>(Impl{engine, tokenizer})) {}
Service::~Service() = default;

std::variant<StreamId, Refusal> Service::submit(GenerateRequest request, ServiceSink sink) {
  if (const Status status = validate_stop_strings(request.stop); !status)
    return Refusal{Refusal::Kind::kInvalid, status.error().message};
  // Shared: the engine's sink owns it, and submit() still needs it when the sink may be gone.
  const auto stream =
      std::make_shared<Stream>(impl_->engine, impl_->tokenizer, request, std::move(sink));
  auto result =
      impl_->engine.submit(impl_->to_engine(std::move(request)),
                           [stream](EngineEvent event) { stream->on_event(std::move(event)); });
  if (const auto* id = std::get_if<RequestId>(&result)) stream->set_id(*id);
  return result;
}

void Service::cancel(StreamId id) { impl_->engine.cancel(id); }
void Service::drain() { impl_->engine.drain(); }
const Tokenizer& Service::tokenizer() const { return impl_->tokenizer; }
std::uint64_t Service::open_requests_max() const { return impl_->engine.open_requests_max(); }

const RunnerLimits& Service::limits() const { return impl_->engine.limits(); }
EngineStats Service::stats() const { return impl_->engine.stats(); }

}  // namespace g4
