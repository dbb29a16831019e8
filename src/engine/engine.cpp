#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <exception>
#include <random>
#include <thread>
#include <utility>

#include "base/thread_annotations.h"
#include "engine/door.h"
#include "engine/scheduler.h"

namespace g4 {
namespace {

std::uint64_t random_seed() {
  std::random_device device;
  return (std::uint64_t{device()} << 32) | device();
}

FinishEvent ended(FinishReason reason) {
  FinishEvent event;
  event.reason = reason;
  return event;
}

// What the options may ask is bounded by what a step can hold.
EngineOptions fitted(EngineOptions options, const RunnerLimits& limits) {
  options.running_max = std::clamp(options.running_max, 1u,
                                   std::min(limits.step_sequences_max, limits.step_tokens_max));
  return options;
}

// Those of the images whose tokens are among positions [begin, end); the scheduler cuts none.
std::span<const ImageSpan> images_among(std::span<const ImageSpan> images, std::uint64_t begin,
                                        std::uint64_t end) {
  const auto before = [](const ImageSpan& image, std::uint64_t at) { return image.begin < at; };
  const auto first = std::lower_bound(images.begin(), images.end(), begin, before);
  return {first, std::lower_bound(first, images.end(), end, before)};
}

bool is_stop(const Sequence& sequence, TokenId id) {
  const auto& stop = sequence.request.stop_tokens;
  return std::find(stop.begin(), stop.end(), id) != stop.end();
}

}  // namespace

struct Engine::Impl {
  Impl(std::unique_ptr<Runner> owned_runner, EngineOptions owned_options)
      : runner(std::move(owned_runner)),
        limits(runner->limits()),
        options(fitted(std::move(owned_options), limits)),
        scheduler(limits, options.running_max),
        thread([this] { run(); }) {}

  // Any thread.
  std::variant<RequestId, Refusal> submit(EngineRequest request, EngineSink sink);
  std::uint64_t open_max() const;
  std::optional<Refusal> refusal_now() const REQUIRES(mutex);

  // Engine thread.
  void run() noexcept;  // a sink that throws is our bug
  bool take_mail();
  void encode_images();
  Result<ImageProgress> compute_slice(std::span<const ImageSpan> images);
  void step();
  void build_step(std::span<const Scheduler::Chunk> chunks);
  Result<std::vector<StepOutput>> compute();
  void absorb(const Scheduler::Chunk& chunk, StepOutput output);
  void absorb_token(Sequence& sequence, SampledToken token);
  void finish(RequestId id, FinishEvent event);
  void publish();

  const std::unique_ptr<Runner> runner;
  const RunnerLimits limits;
  const EngineOptions options;

  mutable Mutex mutex;
  CondVar wake;  // mail for the engine thread
  CondVar idle;  // nothing in flight
  std::vector<std::unique_ptr<Sequence>> submissions GUARDED_BY(mutex);
  std::vector<RequestId> cancellations GUARDED_BY(mutex);
  RequestId next_id GUARDED_BY(mutex) = 1;
  std::uint64_t open GUARDED_BY(mutex) = 0;       // taken and not finished: bounds the queue
  std::uint64_t in_flight GUARDED_BY(mutex) = 0;  // the same, until the sink has returned
  bool stopping GUARDED_BY(mutex) = false;        // take no more
  bool quit GUARDED_BY(mutex) = false;            // and cancel what runs
  EngineStats published GUARDED_BY(mutex);

  // Engine thread only.
  Scheduler scheduler;
  EngineStats stats;
  std::vector<std::unique_ptr<Sequence>> taken;
  std::vector<RequestId> cancelled;
  std::optional<RequestId> images_begun;  // whose images the runner has begun
  std::vector<StepSequence> step_sequences;
  std::thread thread;  // last: everything it uses exists
};

std::uint64_t Engine::Impl::open_max() const {
  return std::uint64_t{options.running_max} + options.queue_max;
}

std::optional<Refusal> Engine::Impl::refusal_now() const {
  if (stopping) return Refusal{Refusal::Kind::kStopping, "the server is stopping"};
  if (open < open_max()) return std::nullopt;
  return Refusal{Refusal::Kind::kQueueFull,
                 fmt::format("{} requests are running or waiting; {} may run and {} may wait", open,
                             options.running_max, options.queue_max)};
}

std::variant<RequestId, Refusal> Engine::Impl::submit(EngineRequest request, EngineSink sink) {
  {
    const Lock lock(mutex);
    if (auto refusal = refusal_now()) return *std::move(refusal);
  }
  if (auto refusal = check_request(request, limits)) return *std::move(refusal);
  if (!request.sampling.seed) request.sampling.seed = random_seed();
  auto sequence = std::make_unique<Sequence>();
  if (request.output_tokens_max > 0) {
    auto sampler =
        Sampler::create(request.sampling, limits.vocab_size, request.prompt, options.suppressed);
    if (!sampler) return Refusal{Refusal::Kind::kInvalid, std::move(sampler).error().message};
    sequence->sampler = std::move(sampler).value();
  }
  sequence->tokens = request.prompt;
  sequence->request = std::move(request);
  sequence->sink = std::move(sink);

  const Lock lock(mutex);
  if (auto refusal = refusal_now()) return *std::move(refusal);
  const RequestId id = next_id++;
  sequence->id = id;
  submissions.push_back(std::move(sequence));
  ++open;
  ++in_flight;
  wake.notify_one();
  return id;
}

void Engine::Impl::run() noexcept {
  while (take_mail()) {
    encode_images();
    step();
  }
  while (!scheduler.empty()) finish(scheduler.oldest(), ended(FinishReason::kCancelled));
}

// Waits while there is nothing to do. False: the engine is being destroyed.
bool Engine::Impl::take_mail() {
  bool go_on;
  {
    const Lock lock(mutex);
    while (!quit && submissions.empty() && cancellations.empty() && scheduler.empty())
      wake.wait(mutex);
    taken.swap(submissions);
    cancelled.swap(cancellations);
    published.waiting += static_cast<std::uint32_t>(taken.size());
    go_on = !quit;
  }
  for (auto& sequence : taken) scheduler.add(std::move(sequence));
  for (const RequestId id : cancelled) finish(id, ended(FinishReason::kCancelled));
  taken.clear();
  cancelled.clear();
  return go_on;
}

// One slice, so that a step's tokens never wait for more.
void Engine::Impl::encode_images() {
  const auto work = scheduler.plan_images(images_begun);
  if (!work) {
    if (std::exchange(images_begun, std::nullopt)) runner->abandon_images();
    return;
  }
  Sequence& sequence = *work->sequence;
  images_begun = sequence.id;
  auto progress = compute_slice(work->images);
  ++stats.image_slices;
  if (!progress) {
    runner->abandon_images();
    images_begun.reset();
    FinishEvent failed = ended(FinishReason::kError);
    failed.error = std::move(progress).error().message;
    return finish(sequence.id, std::move(failed));
  }
  stats.images_encoded += progress->encoded;
  if (progress->ready.empty()) return;
  images_begun.reset();
  std::move(progress->ready.begin(), progress->ready.end(),
            sequence.encoded.begin() + static_cast<std::ptrdiff_t>(sequence.next_image()));
}

// A runner that throws or answers nonsense fails the request whose images these are.
Result<ImageProgress> Engine::Impl::compute_slice(std::span<const ImageSpan> images) {
  try {
    auto progress = runner->encode_images(images);
    if (!progress) return progress;
    const auto& ready = progress->ready;
    if (ready.size() > images.size() || std::ranges::count(ready, nullptr) > 0)
      return Error{
          fmt::format("the model made {} of {} images ready", ready.size(), images.size())};
    return progress;
  } catch (const std::exception& exception) {
    return Error{fmt::format("encoding images failed: {}", exception.what())};
  }
}

void Engine::Impl::step() {
  const std::span<const Scheduler::Chunk> chunks = scheduler.plan();
  if (chunks.empty()) return publish();
  publish();
  build_step(chunks);
  auto outputs = compute();
  ++stats.steps;
  if (!outputs) {
    FinishEvent failed = ended(FinishReason::kError);
    failed.error = std::move(outputs).error().message;
    for (const Scheduler::Chunk& chunk : chunks) finish(chunk.sequence->id, failed);
  } else {
    for (std::size_t i = 0; i < chunks.size(); ++i) absorb(chunks[i], std::move((*outputs)[i]));
  }
  publish();
}

void Engine::Impl::build_step(std::span<const Scheduler::Chunk> chunks) {
  step_sequences.clear();
  for (const auto& [sequence, n_tokens] : chunks) {
    const std::span<const TokenId> tokens = sequence->tokens;
    const EngineRequest& request = sequence->request;
    StepSequence& step = step_sequences.emplace_back();
    step.tokens = tokens.subspan(sequence->n_past, n_tokens);
    step.n_past = sequence->n_past;
    step.global_blocks = sequence->blocks.global;
    step.sliding_blocks = sequence->blocks.sliding;
    step.images = images_among(request.images, step.n_past, step.n_past + n_tokens);
    step.encoded = std::span(sequence->encoded).subspan(sequence->next_image(), step.images.size());
    if (sequence->sampler && n_tokens == sequence->pending()) {
      step.sampler = &*sequence->sampler;
      if (sequence->output_tokens < request.output_tokens_min) step.banned = request.stop_tokens;
    }
    if (request.prompt_logprobs && !sequence->prompt_reported) {
      const std::uint64_t end =
          std::min<std::uint64_t>(sequence->n_past + n_tokens + 1, request.prompt.size());
      step.prompt_logprobs = request.prompt_logprobs;
      step.next_tokens = tokens.subspan(sequence->n_past + 1, end - sequence->n_past - 1);
    }
  }
}

// A runner that throws or forgets an answer fails its step, not the server.
Result<std::vector<StepOutput>> Engine::Impl::compute() {
  try {
    auto outputs = runner->step(step_sequences);
    if (!outputs) return outputs;
    if (outputs->size() != step_sequences.size())
      return Error{fmt::format("the model answered {} of {} sequences", outputs->size(),
                               step_sequences.size())};
    for (std::size_t i = 0; i < step_sequences.size(); ++i) {
      const StepSequence& asked = step_sequences[i];
      const StepOutput& got = (*outputs)[i];
      if (got.sampled.has_value() != (asked.sampler != nullptr) ||
          got.prompt_logprobs.size() != asked.next_tokens.size())
        return Error{"the model's answer does not match what the step asked"};
    }
    return outputs;
  } catch (const std::exception& exception) {
    return Error{fmt::format("the model step failed: {}", exception.what())};
  }
}

void Engine::Impl::absorb(const Scheduler::Chunk& chunk, StepOutput output) {
  Sequence& sequence = *chunk.sequence;
  const std::size_t first_image = sequence.next_image();
  sequence.n_past += chunk.tokens;
  for (std::size_t i = first_image; i < sequence.next_image(); ++i) sequence.encoded[i].reset();
  std::move(output.prompt_logprobs.begin(), output.prompt_logprobs.end(),
            std::back_inserter(sequence.prompt_logprobs));
  if (sequence.pending() > 0) return;
  if (!sequence.prompt_reported) {
    sequence.prompt_reported = true;
    stats.prompt_tokens += sequence.request.prompt.size();
    sequence.sink(PromptEvent{std::exchange(sequence.prompt_logprobs, {})});
  }
  if (!output.sampled) return finish(sequence.id, ended(FinishReason::kLength));
  absorb_token(sequence, *std::move(output.sampled));
}

void Engine::Impl::absorb_token(Sequence& sequence, SampledToken token) {
  const TokenId id = token.id;
  ++sequence.output_tokens;
  ++stats.output_tokens;
  if (is_stop(sequence, id)) {
    FinishEvent stopped = ended(FinishReason::kStop);
    stopped.stop_token = id;
    return finish(sequence.id, std::move(stopped));
  }
  sequence.tokens.push_back(id);
  sequence.sink(TokenEvent{std::move(token)});
  if (sequence.output_tokens == sequence.request.output_tokens_max)
    finish(sequence.id, ended(FinishReason::kLength));
}

// Unknown ids are ignored: a cancellation may cross the finish.
void Engine::Impl::finish(RequestId id, FinishEvent event) {
  std::unique_ptr<Sequence> sequence = scheduler.remove(id);
  if (!sequence) return;
  event.prompt_tokens = sequence->request.prompt.size();
  event.output_tokens = sequence->output_tokens;
  {
    const Lock lock(mutex);
    --open;  // before the sink: who hears of the end may submit again
  }
  publish();
  sequence->sink(std::move(event));
  sequence.reset();
  const Lock lock(mutex);
  if (--in_flight == 0) idle.notify_all();
}

void Engine::Impl::publish() {
  stats.running = scheduler.running();
  stats.waiting = scheduler.waiting();
  stats.preemptions = scheduler.preemptions();
  stats.global_blocks_used = scheduler.pool().global_used();
  stats.sliding_blocks_used = scheduler.pool().sliding_used();
  const Lock lock(mutex);
  published = stats;
}

Engine::Engine(std::unique_ptr<Runner> runner, EngineOptions options)
    : impl_(std::make_unique<Impl>(std::move(runner), std::move(options))) {}

Engine::~Engine() {
  {
    const Lock lock(impl_->mutex);
    impl_->stopping = true;
    impl_->quit = true;
    impl_->wake.notify_one();
  }
  impl_->thread.join();
}

std::variant<RequestId, Refusal> Engine::submit(EngineRequest request, EngineSink sink) {
  return impl_->submit(std::move(request), std::move(sink));
}

void Engine::cancel(RequestId id) {
  const Lock lock(impl_->mutex);
  impl_->cancellations.push_back(id);
  impl_->wake.notify_one();
}

void Engine::drain() {
  const Lock lock(impl_->mutex);
  impl_->stopping = true;
  while (impl_->in_flight > 0) impl_->idle.wait(impl_->mutex);
}

EngineStats Engine::stats() const {
  const Lock lock(impl_->mutex);
  EngineStats stats = impl_->published;
  stats.waiting += static_cast<std::uint32_t>(impl_->submissions.size());
  return stats;
}

std::uint64_t Engine::open_requests_max() const { return impl_->open_max(); }

const RunnerLimits& Engine::limits() const { return impl_->limits; }

}  // namespace g4
