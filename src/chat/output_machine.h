// What an answer of Gemma 4 consists of, piece by piece: thoughts, text, tool calls.
//
//   answer  := { thought | text | call }
//   thought := <|channel> "thought\n" text "\n" <channel|>
//   call    := <|tool_call> "call:" name arguments <tool_call|>
//
// Structure comes from control tokens alone; text that spells one is text. The joined events do
// not depend on how the text was cut into tokens.
//
// What the model gets wrong:
//   A thought that is empty is not reported. One that holds the name of its channel twice, or a
//   second <|channel>, goes on. A call ends a thought. Stray closing tokens are dropped.
//   White space at the beginning and the end of the text is dropped (templates and transformers
//   strip it too), also between calls; that within the text stays. So does all of it where a
//   grammar has put it there (EndSpace::kKept).
//   A call without <tool_call|> ends where its arguments do. <tool_call|> between quotes ends the
//   call too, unless text follows it: then it was meant as text of the string.
//   What holds no name for the call becomes text, spelled as the model wrote it, so that no client
//   gets an empty answer.
// Threads: one at a time.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/shared_list.h"
#include "chat/arguments_to_json.h"
#include "chat/control_tokens.h"
#include "chat/message.h"

namespace g4::chat {

struct ThoughtBegin {};
struct ThoughtDelta {
  std::string text;
};
struct ThoughtEnd {};
struct TextDelta {
  std::string text;
};
// Calls are counted from 0 and never overlap.
struct ToolCallBegin {
  std::size_t index;
  std::string name;
};
struct ToolCallArguments {
  std::size_t index;
  std::string json;  // the pieces of a whole call join to a JSON object
};
struct ToolCallEnd {
  std::size_t index;
  // Not empty if the answer was cut within the call: what makes its JSON valid. Such a call is not
  // what the model meant (a path may lack its end): it must not look finished to the client.
  std::string completion;
};
using OutputEvent = std::variant<ThoughtBegin, ThoughtDelta, ThoughtEnd, TextDelta, ToolCallBegin,
                                 ToolCallArguments, ToolCallEnd>;

// kStop: the model ended the answer. kCut: anything else did (length, stop string, client).
enum class Ending : std::uint8_t { kStop, kCut };

class OutputMachine {
 public:
  enum class Part : std::uint8_t { kNone, kThought, kText, kCall };

  enum class EndSpace : std::uint8_t { kDropped, kKept };

  // `tools`: of the request; they tell names from namespaces ("functions.f" is "f" if only that is
  // there) and which bare numbers are text. May be empty.
  explicit OutputMachine(SharedList<Tool> tools, EndSpace end_space = EndSpace::kDropped)
      : tools_(std::move(tools)), end_space_(end_space) {}

  void text(std::string_view text);  // whole UTF-8 characters
  void mark(Mark mark, std::string_view spelling);
  void finish(Ending ending);
  std::vector<OutputEvent> take();  // events since the last take()

  // What a token that comes now would be part of.
  Part part() const;
  // Calls that the model finished: if there is one, that is why the answer ended.
  std::size_t whole_calls() const { return whole_calls_; }
  // Forgets white space that is held back: it belongs to the prompt.
  void drop_held_space();

 private:
  enum class State : std::uint8_t {
    kText,
    kTurnName,     // behind <|turn>, up to the end of the line
    kThoughtName,  // behind <|channel>
    kThought,
    kCallHead,  // "call:" and the name
    kCall,
    kCallDoubt,   // behind <tool_call|> between quotes
    kFailedCall,  // a call that is shown as text
  };

  void add_text(std::string_view text);
  void add_turn_name(std::string_view text);
  void add_thought_name(std::string_view text);
  void add_thought(std::string_view text);
  void end_thought();
  void add_call_head(std::string_view text);
  void close_call_head();
  void begin_call(std::string_view name);
  void fail_call();
  void add_arguments(std::string_view text);
  void add_doubtful(std::string_view text);
  void end_call();
  void cut_call();
  bool mark_within(Mark mark, std::string_view spelling);  // true: it belongs to what is open
  bool mark_within_arguments(Mark mark, std::string_view spelling);
  void leave();  // ends what is open, as the model does
  void emit_json(std::string json);

  SharedList<Tool> tools_;
  EndSpace end_space_;
  State state_ = State::kText;
  std::vector<OutputEvent> events_;
  bool text_begun_ = false;
  std::string space_;  // at the end of the text so far
  bool thought_begun_ = false;
  std::string name_;   // of the thought's channel, as far as it has come
  std::string held_;   // of the thought: its beginning while that is blank, then a last line end
  std::string head_;   // of the call
  std::string doubt_;  // what came between quotes since a <tool_call|> there
  std::optional<ArgumentsToJson> arguments_;
  std::size_t calls_ = 0, whole_calls_ = 0;
};

// The tool that the model means by `name`: the one of that name, else the one with the longest name
// that `name` ends with behind a ".", ":" or "/"; else none.
const Tool* find_tool(const SharedList<Tool>& tools, std::string_view name);

}  // namespace g4::chat
