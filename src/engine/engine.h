// Engine: one thread that owns the model and runs many requests at once.
//
// submit() may be called from any thread and returns at once; events reach the request's sink on
// the engine thread (sinks must not block; they hand over to their own queue). Decode steps of all
// running sequences go together; prompts are cut into chunks that share a step with them, so that
// nobody waits for another's long prompt. Images are encoded in slices between steps, so nobody
// waits for another's image either. Rules of what may come next (grammars) work beside the model,
// and one that is late holds up its own request only. Cancellation takes effect between steps. A
// request that can never fit is refused at the door with numbers; one that does not fit now waits
// in a bounded queue. When KV runs out in mid-decode the youngest sequence gives its blocks back
// and is computed again later (same words: see runner.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/rule_workers.h"
#include "engine/runner.h"
#include "sampling/repetition_guard.h"
#include "sampling/sampler.h"
#include "sampling/token_rule.h"
#include "text/tokenizer.h"

namespace g4 {

enum class FinishReason : std::uint8_t { kStop, kLength, kRepetition, kCancelled, kError };

struct EngineRequest {
  std::vector<TokenId> prompt;  // at least one token
  SamplingParams sampling;
  std::uint64_t output_tokens_max = 0;  // 0: only score the prompt
  std::uint64_t output_tokens_min = 0;  // stop tokens are banned before, unless `rule` leaves
                                        // nothing else
  std::vector<TokenId> stop_tokens;     // end the sequence; not part of its text
  std::optional<std::uint32_t> prompt_logprobs;
  std::vector<ImageSpan> images;               // in the prompt, in order
  TokenRuleMaker rule;                         // what may come next; none: any token
  std::optional<RepetitionLimits> repetition;  // ends an output that is stuck; absent: nothing does
};

// Token events arrive in order; exactly one FinishEvent ends a request.
struct PromptEvent {                   // once, before the first token
  std::vector<SampledToken> logprobs;  // for prompt tokens 1..n-1 if asked, else empty
  std::chrono::nanoseconds queued{0};  // from submit() to the request's first step or image
};
struct TokenEvent {
  SampledToken token;
};
struct FinishEvent {
  FinishReason reason;
  std::optional<TokenId> stop_token;     // which one, if a stop token ended it
  std::optional<Repetition> repetition;  // kRepetition: of what
  std::string error;                     // kError: a sentence
  std::uint64_t prompt_tokens = 0;
  std::uint64_t output_tokens = 0;  // stop token not counted as text but counted here
};
using EngineEvent = std::variant<PromptEvent, TokenEvent, FinishEvent>;
using EngineSink = std::function<void(EngineEvent)>;
using RequestId = std::uint64_t;

// Why a request was not taken.
struct Refusal {
  enum class Kind : std::uint8_t { kInvalid, kTooLong, kQueueFull, kStopping };
  Kind kind;
  std::string message;  // with numbers
};

struct EngineOptions {
  std::uint32_t running_max = 8;    // sequences that share steps; lowered to what a step holds
  std::uint32_t queue_max = 64;     // waiting requests
  std::vector<TokenId> suppressed;  // never sampled
  std::uint32_t rule_threads = 4;   // so many rules that never return hold up only other rules
  RuleTimes rule_times = {};
};

struct EngineStats {  // a snapshot for /metrics and tests
  std::uint32_t running = 0, waiting = 0;
  std::uint64_t prompt_tokens = 0, output_tokens = 0, steps = 0, preemptions = 0;
  std::uint64_t images_encoded = 0, image_slices = 0;  // remembered images are not encoded again
  std::uint64_t rules_late = 0;  // tokens that were computed again because a rule was late
  std::uint32_t global_blocks_used = 0, sliding_blocks_used = 0;
};

class Engine {
 public:
  Engine(std::unique_ptr<Runner> runner, EngineOptions options);
  ~Engine();  // cancels what runs, joins the thread

  std::variant<RequestId, Refusal> submit(EngineRequest request, EngineSink sink);
  void cancel(RequestId id);  // unknown or finished ids are ignored
  void drain();               // take no more; returns when all have finished; not from a sink
  EngineStats stats() const;
  // Requests that can be running and waiting at once; a client that needs more can never be served.
  std::uint64_t open_requests_max() const;
  const RunnerLimits& limits() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace g4
