#include "engine/engine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <exception>
#include <random>
#include <thread>
#include <utility>

#include "base/thread_annotations.h"
#include "engine/door.h"
#include "engine/scheduler.h"
#include "engine/step.h"

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

FinishEvent failed(Error error) {
  FinishEvent event = ended(FinishReason::kError);
  event.error = std::move(error).message;
  return event;
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
        rule_workers(std::max(options.rule_threads, 1U), [this] { note_rule_answer(); }),
        scheduler(limits, options.running_max),
        thread([this] { run(); }) {}

  // Any thread.
  std::variant<RequestId, Refusal> submit(EngineRequest request, EngineSink sink);
  std::uint64_t open_max() const;
  std::optional<Refusal> refusal_now() const REQUIRES(mutex);
  bool has_mail() const REQUIRES(mutex) {
    return quit || !submissions.empty() || !cancellations.empty();
  }
  void note_rule_answer();

  // Engine thread.
  void run() noexcept;  // a sink that throws is our bug
  bool take_mail();
  bool encode_images();
  Result<ImageProgress> compute_slice(std::span<const ImageSpan> images);
  bool step();
  Result<std::vector<StepOutput>> compute();
  void absorb(const Scheduler::Chunk& chunk, StepOutput output);
  void absorb_token(Sequence& sequence, SampledToken token);
  void hold(Sequence& sequence);
  void look_at_held();
  void finish(RequestId id, FinishEvent event);
  void publish();

  const std::unique_ptr<Runner> runner;
  const RunnerLimits limits;
  const EngineOptions options;

  mutable Mutex mutex;
  CondVar wake;  // mail for the engine thread, or the answer of a rule
  CondVar idle;  // nothing in flight
  std::vector<std::unique_ptr<Sequence>> submissions GUARDED_BY(mutex);
  std::vector<RequestId> cancellations GUARDED_BY(mutex);
  RequestId next_id GUARDED_BY(mutex) = 1;
  std::uint64_t open GUARDED_BY(mutex) = 0;       // taken and not finished: bounds the queue
  std::uint64_t in_flight GUARDED_BY(mutex) = 0;  // the same, until the sink has returned
  bool stopping GUARDED_BY(mutex) = false;        // take no more
  bool quit GUARDED_BY(mutex) = false;            // and cancel what runs
  bool rule_answered GUARDED_BY(mutex) = false;   // since the engine thread looked
  EngineStats published GUARDED_BY(mutex);
  RuleWorkers rule_workers;

  // Engine thread only.
  Scheduler scheduler;
  EngineStats stats;
  std::vector<std::unique_ptr<Sequence>> taken;
  std::vector<RequestId> cancelled;
  std::optional<RequestId> images_begun;  // whose images the runner has begun
  std::vector<StepSequence> step_sequences;
  std::vector<Sequence*> held;  // see Sequence::held
  bool all_held = false;        // nothing else to do
  std::thread thread;           // last: everything it uses exists
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
    if (request.rule) {
      auto rule = request.rule();
      if (!rule) return Refusal{Refusal::Kind::kInvalid, std::move(rule).error().message};
      sequence->rule = std::make_shared<AskedRule>(std::move(rule).value(), limits.vocab_size,
                                                   options.rule_times);
    }
    if (request.repetition) sequence->guard.emplace(*request.repetition);
  }
  sequence->submitted = std::chrono::steady_clock::now();
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
    const bool encoded = encode_images();
    look_at_held();
    const bool stepped = step();
    all_held = !encoded && !stepped;
  }
  while (!scheduler.empty()) finish(scheduler.oldest(), ended(FinishReason::kCancelled));
}

// Waits while there is nothing to do. False: the engine is being destroyed.
bool Engine::Impl::take_mail() {
  bool go_on;
  {
    const Lock lock(mutex);
    while (!has_mail() && scheduler.empty()) wake.wait(mutex);
    // Not longer than until it may be seen that a rule will not answer in time.
    if (!has_mail() && all_held && !rule_answered)
      wake.wait_for(mutex, std::chrono::milliseconds(20));
    rule_answered = false;
    taken.swap(submissions);
    cancelled.swap(cancellations);
    published.waiting += static_cast<std::uint32_t>(taken.size());
    go_on = !quit;
  }
  for (auto& sequence : taken) {
    if (sequence->rule) rule_workers.ask(sequence->rule, std::nullopt);
    scheduler.add(std::move(sequence));
  }
  for (const RequestId id : cancelled) finish(id, ended(FinishReason::kCancelled));
  taken.clear();
  cancelled.clear();
  return go_on;
}

void Engine::Impl::note_rule_answer() {
  const Lock lock(mutex);
  rule_answered = true;
  wake.notify_one();
}

// One slice, so that a step's tokens never wait for more. False: there was nothing to do.
bool Engine::Impl::encode_images() {
  const auto work = scheduler.plan_images(images_begun);
  if (!work) {
    if (std::exchange(images_begun, std::nullopt)) runner->abandon_images();
    return false;
  }
  Sequence& sequence = *work->sequence;
  images_begun = sequence.id;
  sequence.note_begin(std::chrono::steady_clock::now());
  auto progress = compute_slice(work->images);
  ++stats.image_slices;
  if (!progress) {
    runner->abandon_images();
    images_begun.reset();
    finish(sequence.id, failed(std::move(progress).error()));
    return true;
  }
  stats.images_encoded += progress->encoded;
  if (progress->ready.empty()) return true;
  images_begun.reset();
  std::move(progress->ready.begin(), progress->ready.end(),
            sequence.encoded.begin() + static_cast<std::ptrdiff_t>(sequence.next_image()));
  return true;
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

// False: there was nothing to compute.
bool Engine::Impl::step() {
  const std::span<const Scheduler::Chunk> chunks = scheduler.plan();
  publish();
  if (chunks.empty()) return false;
  step_sequences.clear();
  const auto now = std::chrono::steady_clock::now();
  for (const auto& [sequence, tokens] : chunks) {
    sequence->note_begin(now);
    step_sequences.push_back(step_sequence(*sequence, tokens));
  }
  auto outputs = compute();
  ++stats.steps;
  if (!outputs) {
    for (const Scheduler::Chunk& chunk : chunks)
      finish(chunk.sequence->id, failed(outputs.error()));
  } else {
    for (std::size_t i = 0; i < chunks.size(); ++i) absorb(chunks[i], std::move((*outputs)[i]));
  }
  publish();
  return true;
}

// A runner that throws or forgets an answer fails its step, not the server.
Result<std::vector<StepOutput>> Engine::Impl::compute() {
  try {
    auto outputs = runner->step(step_sequences);
    if (outputs) G4_TRY(check_outputs(step_sequences, *outputs));
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
    sequence.sink(PromptEvent{std::exchange(sequence.prompt_logprobs, {}), *sequence.queued});
  }
  if (!sequence.sampler) return finish(sequence.id, ended(FinishReason::kLength));
  if (output.error) return finish(sequence.id, failed(*std::move(output.error)));
  if (!output.sampled) return hold(sequence);
  absorb_token(sequence, *std::move(output.sampled));
}

// Its rule is late, and logits are not kept: they are computed again when there is an answer.
void Engine::Impl::hold(Sequence& sequence) {
  ++stats.rules_late;
  sequence.n_past = sequence.last_begin();
  sequence.held = true;
  held.push_back(&sequence);
}

void Engine::Impl::look_at_held() {
  for (std::size_t i = held.size(); i-- > 0;) {
    Sequence& sequence = *held[i];
    if (sequence.rule->answer() != nullptr) {
      sequence.held = false;
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
    } else if (sequence.rule->overdue()) {
      finish(sequence.id,
             failed({fmt::format("the constraint of the output took longer than {} ms to say which "
                                 "tokens may follow",
                                 options.rule_times.work_max.count())}));
    }
  }
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
    return finish(sequence.id, ended(FinishReason::kLength));
  if (const auto repetition = sequence.guard ? sequence.guard->push(id) : std::nullopt) {
    FinishEvent stuck = ended(FinishReason::kRepetition);
    stuck.repetition = repetition;
    return finish(sequence.id, std::move(stuck));
  }
  // The worker has the time of the next step for it.
  if (sequence.rule) rule_workers.ask(sequence.rule, id);
}

// Unknown ids are ignored: a cancellation may cross the finish.
void Engine::Impl::finish(RequestId id, FinishEvent event) {
  std::unique_ptr<Sequence> sequence = scheduler.remove(id);
  if (!sequence) return;
  std::erase(held, sequence.get());
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
