// AnswerStream: tokens of one answer in, the events that its caller sees out.
//
// A plain answer is text (text_stream.h). That to a chat is told apart into thoughts, text and tool
// calls (chat/parse_output.h); its stop strings are watched for in the text alone, and it may end
// at its first call. Joined events do not depend on how the answer was cut into tokens.
// Threads: one at a time.
#pragma once

#include <memory>
#include <optional>

#include "service/service.h"

namespace g4 {

class AnswerStream {
 public:
  virtual ~AnswerStream() = default;

  // A TextDelta, or a ChatDelta; its pieces may be empty.
  virtual ServiceEvent push(SampledToken token) = 0;
  // What was held back. kCut: something else than the model ended the answer.
  virtual std::optional<ServiceEvent> finish(chat::Ending ending) = 0;
  // Nothing more is wanted: a stop string came, or the only call that was allowed.
  virtual bool complete() const = 0;
  // Fills why a complete() answer ended, and what is known of the others.
  virtual void describe(Finished& finished) const = 0;
};

// `tokenizer` outlives it.
std::unique_ptr<AnswerStream> make_answer_stream(const Tokenizer& tokenizer,
                                                 const GenerateRequest& request);

}  // namespace g4
