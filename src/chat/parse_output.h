// Token ids of an answer to events: thoughts, text, tool calls (see output_machine.h).
//
// One parser for one answer. It begins where the prompt ends: within a thought (after the results
// of tools the template opens one), behind an empty thought, within a message that is continued,
// or within a tool call that the prompt begins.
// For the callers: hidden thoughts are thought events not passed on; parallel_tool_calls = false
// means to stop the generation at the first ToolCallEnd. The answer ended because of tool calls if
// the model stopped and whole_calls() > 0; if it was cut, because of the length.
// Threads: one at a time.
#pragma once

#include <span>
#include <vector>

#include "base/shared_list.h"
#include "chat/control_tokens.h"
#include "chat/message.h"
#include "chat/output_machine.h"
#include "text/tokenizer.h"

namespace g4::chat {

class OutputParser {
 public:
  using Part = OutputMachine::Part;
  using EndSpace = OutputMachine::EndSpace;

  // `tokenizer` outlives this. `tools`: of the request, may be empty.
  OutputParser(const Tokenizer& tokenizer, std::span<const TokenId> prompt, SharedList<Tool> tools,
               EndSpace end_space = EndSpace::kDropped);

  struct Step {
    // What the token itself is part of, for log-probabilities and counts. Its text may come with
    // an event of a later token.
    Part part;
    std::vector<OutputEvent> events;
  };
  Step push(TokenId token);
  std::vector<OutputEvent> finish(Ending ending);

  std::size_t whole_calls() const { return machine_.whole_calls(); }

 private:
  Part read(TokenId token);
  std::vector<OutputEvent> take();

  const Tokenizer& tokenizer_;
  ControlTokens controls_;
  StreamingDetokenizer characters_;
  OutputMachine machine_;
  std::vector<OutputEvent> first_;  // of the prompt, to come before all others
};

}  // namespace g4::chat
