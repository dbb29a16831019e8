// Service: a prompt in, a cancellable stream of text events out. Knows no HTTP and no dialect.
//
// It sits between dialects and engine: counts tokens, checks limits, watches for stop strings,
// turns tokens into whole characters, and hands events to the caller's sink in order. Threads:
// submit() and cancel() from any thread; the sink is called on the engine thread, must not block,
// and is never called again after its Finished event.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/shared_list.h"
#include "chat/message.h"
#include "chat/parse_output.h"
#include "engine/engine.h"
#include "service/answer_rule.h"
#include "text/tokenizer.h"

namespace g4 {

// The answer is a message of a chat: thoughts and calls are told from its text.
struct ChatFormat {
  SharedList<chat::Tool> tools;  // of the request, may be empty
  bool one_call = false;         // the answer ends with its first call
  bool exact_text = false;       // blanks around the text are part of it, as a grammar asks
};

struct GenerateRequest {
  std::vector<TokenId> prompt;
  SamplingParams sampling;
  std::optional<std::uint64_t> output_tokens_max;  // absent: until the context is full
  bool fit_output = false;  // where there is no room for so many, fewer will do
  std::uint64_t output_tokens_min = 0;
  SharedList<std::string> stop;     // stop strings; the text ends before the match
  SharedList<TokenId> stop_tokens;  // besides the checkpoint's own
  bool ignore_eos = false;          // the checkpoint's stop tokens do not stop
  bool include_stop_string = false;
  bool skip_special_tokens = true;  // special tokens do not show in the text
  std::optional<std::uint32_t> prompt_logprobs;
  std::vector<ImageSpan> images;   // in the prompt, in order
  std::optional<ChatFormat> chat;  // its deltas are ChatDeltas; special tokens never show
  AnswerForm form;                 // what the answer must be
  std::optional<RepetitionLimits> repetition;  // ends an output that is stuck
};

struct PromptScored {                  // only if prompt_logprobs was asked
  std::vector<SampledToken> logprobs;  // for prompt tokens 1..n-1
};
struct TextDelta {                   // may be empty text with a token (held-back bytes)
  std::string text;                  // whole UTF-8 characters
  std::vector<SampledToken> tokens;  // that this delta completes, with logprobs if asked
};
struct ChatDelta {
  std::vector<chat::OutputEvent> events;  // may be empty, as the text of a TextDelta
  std::optional<SampledToken> token;      // that this delta completes; none at the very end
  chat::OutputParser::Part part = chat::OutputParser::Part::kNone;  // what the token belongs to
};
struct Finished {
  enum class Reason : std::uint8_t { kStop, kToolCalls, kLength, kRepetition, kCancelled, kError };
  Reason reason;
  std::optional<std::string> stop_string;  // which stop string, or...
  std::optional<TokenId> stop_token;       // ...which stop token, ended it
  std::optional<Repetition> repetition;    // kRepetition: of what
  std::string error;
  std::uint64_t prompt_tokens = 0, output_tokens = 0;
  std::uint64_t thought_tokens = 0;  // of output_tokens; 0 without GenerateRequest::chat
  // From submit() to the first work on it; absent if it ended before its prompt was read.
  std::optional<std::chrono::nanoseconds> queued;
};
using ServiceEvent = std::variant<PromptScored, TextDelta, ChatDelta, Finished>;
using ServiceSink = std::function<void(ServiceEvent)>;
using StreamId = std::uint64_t;

class Service {
 public:
  // `tokenizer` and `engine` outlive the service.
  Service(Engine& engine, const Tokenizer& tokenizer);
  ~Service();

  std::variant<StreamId, Refusal> submit(GenerateRequest request, ServiceSink sink);
  void cancel(StreamId id);
  void drain();  // take no more; returns when all have finished

  const Tokenizer& tokenizer() const;
  const RunnerLimits& limits() const;
  std::uint64_t open_requests_max() const;  // running and waiting together
  EngineStats stats() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace g4
