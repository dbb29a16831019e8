#include "chat/output_machine.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "chat/python_text.h"
#include "chat/writer.h"

namespace g4::chat {
namespace {

constexpr std::string_view kChannelName = "thought\n";
constexpr std::size_t kHeadBytesMax = 256;
constexpr std::string_view kSurplus = " \t\r\n}])";  // behind the arguments of a call

std::string_view trim(std::string_view text, std::string_view front, std::string_view back) {
  text.remove_prefix(std::min(text.find_first_not_of(front), text.size()));
  return text.substr(0, text.find_last_not_of(back) + 1);
}

// The name in what stands before a call's arguments; empty if that cannot be one. "call" and the
// colon may be missing, the name may stand in quotes.
std::string_view call_name(std::string_view head) {
  head = strip(head);
  if (head.starts_with("call")) {
    const std::string_view rest = strip(head.substr(4));
    if (rest.starts_with(':')) head = rest;
  }
  head = trim(head, ":- \t\r\n\"'`", ": \t\r\n\"'`");
  const bool is_name = std::ranges::all_of(head, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7F &&
           std::string_view("\"'`{}()[]<>,=\\").find(c) == std::string_view::npos;
  });
  return is_name ? head : std::string_view();
}

}  // namespace

const Tool* find_tool(const SharedList<Tool>& tools, std::string_view name) {
  const Tool* found = nullptr;
  for (const Tool& tool : tools) {
    if (tool.name == name) return &tool;
    if (tool.name.empty() || tool.name.size() >= name.size() || !name.ends_with(tool.name))
      continue;
    const char before = name[name.size() - tool.name.size() - 1];
    if (before != '.' && before != ':' && before != '/') continue;
    if (found == nullptr || tool.name.size() > found->name.size()) found = &tool;
  }
  return found;
}

std::vector<OutputEvent> OutputMachine::take() { return std::exchange(events_, {}); }

OutputMachine::Part OutputMachine::part() const {
  switch (state_) {
    case State::kText:
    case State::kFailedCall:
      return Part::kText;
    case State::kTurnName:
      return Part::kNone;
    case State::kThoughtName:
    case State::kThought:
      return Part::kThought;
    case State::kCallHead:
    case State::kCall:
    case State::kCallDoubt:
      return Part::kCall;
  }
  return Part::kNone;
}

void OutputMachine::text(std::string_view text) {
  if (text.empty()) return;
  switch (state_) {
    case State::kText:
    case State::kFailedCall:
      return add_text(text);
    case State::kTurnName:
      return add_turn_name(text);
    case State::kThoughtName:
      return add_thought_name(text);
    case State::kThought:
      return add_thought(text);
    case State::kCallHead:
      return add_call_head(text);
    case State::kCall:
      return add_arguments(text);
    case State::kCallDoubt:
      return add_doubtful(text);
  }
}

void OutputMachine::mark(Mark mark, std::string_view spelling) {
  if (mark_within(mark, spelling)) return;
  leave();
  if (mark == Mark::kThought) state_ = State::kThoughtName;
  if (mark == Mark::kCall) state_ = State::kCallHead;
  if (mark == Mark::kTurn) state_ = State::kTurnName;
}

// Stray marks are within all.
bool OutputMachine::mark_within(Mark mark, std::string_view spelling) {
  const bool opens_or_ends =
      mark == Mark::kThought || mark == Mark::kCall || mark == Mark::kTurn || mark == Mark::kEnd;
  switch (state_) {
    case State::kText:
    case State::kTurnName:
      return !opens_or_ends;
    case State::kThoughtName:
    case State::kThought:
      if (mark == Mark::kThoughtEnd) end_thought();
      if (mark == Mark::kThought) {
        name_.clear();
        state_ = State::kThoughtName;
      }
      return !opens_or_ends || mark == Mark::kThought;
    case State::kCallHead:
      if (mark != Mark::kCallEnd) return !opens_or_ends;
      close_call_head();
      if (state_ == State::kFailedCall) add_text(spelling);
      state_ = State::kText;
      return true;
    case State::kCall:
    case State::kCallDoubt:
      return mark_within_arguments(mark, spelling);
    case State::kFailedCall:
      if (mark == Mark::kQuote || mark == Mark::kCallEnd) add_text(spelling);
      if (mark == Mark::kCallEnd) state_ = State::kText;
      return !opens_or_ends;
  }
  return true;
}

// Between quotes every mark is text but those that end the string, the call or the answer.
bool OutputMachine::mark_within_arguments(Mark mark, std::string_view spelling) {
  if (state_ == State::kCallDoubt) {
    if (mark == Mark::kCallEnd) {
      end_call();
      return true;
    }
    if (mark != Mark::kQuote && mark != Mark::kOther) return false;
    emit_json(arguments_->push(std::exchange(doubt_, {})));
    state_ = State::kCall;
  }
  if (mark == Mark::kQuote) {
    emit_json(arguments_->push_quote());
  } else if (mark == Mark::kEnd) {
    return false;
  } else if (arguments_->in_string()) {
    if (mark == Mark::kCallEnd) {
      doubt_ = spelling;
      state_ = State::kCallDoubt;
    } else {
      emit_json(arguments_->push(spelling));
    }
  } else if (mark == Mark::kCallEnd) {
    end_call();
  } else if (mark == Mark::kThought || mark == Mark::kCall || mark == Mark::kTurn) {
    return false;
  }
  return true;
}

void OutputMachine::leave() {
  if (state_ == State::kThoughtName || state_ == State::kThought) end_thought();
  if (state_ == State::kCallHead) close_call_head();
  if (state_ == State::kCall || state_ == State::kCallDoubt) end_call();
  state_ = State::kText;
}

void OutputMachine::finish(Ending ending) {
  if (ending == Ending::kCut) {
    if (part() == Part::kText && !space_.empty()) events_.push_back(TextDelta{space_});
    if (state_ == State::kCallHead) state_ = State::kText;  // a name may lack its end
    if (state_ == State::kCall && !arguments_->closed()) cut_call();
  }
  leave();
}

void OutputMachine::drop_held_space() {
  space_.clear();
  held_.clear();
}

void OutputMachine::add_text(std::string_view text) {
  if (end_space_ == EndSpace::kKept) {
    events_.push_back(TextDelta{std::string(text)});
    return;
  }
  const std::string_view core = strip(text);
  if (core.empty()) {
    if (text_begun_) space_ += text;
    return;
  }
  const auto before = static_cast<std::size_t>(core.data() - text.data());
  std::string delta;
  if (text_begun_) delta = space_ + std::string(text.substr(0, before));
  delta += core;
  space_ = text.substr(before + core.size());
  text_begun_ = true;
  events_.push_back(TextDelta{std::move(delta)});
}

void OutputMachine::add_turn_name(std::string_view text) {
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return;
  state_ = State::kText;
  add_text(text.substr(end + 1));
}

void OutputMachine::add_thought_name(std::string_view text) {
  name_ += text;
  if (name_ != kChannelName && kChannelName.starts_with(name_)) return;
  state_ = State::kThought;
  const std::string name = std::exchange(name_, {});
  add_thought(name.starts_with(kChannelName) ? std::string_view(name).substr(kChannelName.size())
                                             : std::string_view(name));
}

// Of the line ends at its end one belongs to the format: with it, and no more, taken away the
// thought is again what it was when a template writes it into the next prompt.
void OutputMachine::add_thought(std::string_view text) {
  if (text.empty()) return;
  held_ += text;
  if (!thought_begun_) {
    if (strip(text).empty()) return;
    thought_begun_ = true;
    events_.push_back(ThoughtBegin{});
  }
  std::string delta;
  delta.swap(held_);
  if (delta.back() == '\n') {
    delta.pop_back();
    held_ += '\n';
  }
  if (!delta.empty()) events_.push_back(ThoughtDelta{std::move(delta)});
}

void OutputMachine::end_thought() {
  if (thought_begun_) events_.push_back(ThoughtEnd{});
  thought_begun_ = false;
  name_.clear();
  held_.clear();
  state_ = State::kText;
}

void OutputMachine::add_call_head(std::string_view text) {
  head_ += text;
  const std::size_t open = head_.find_first_of("{(");
  if (std::min(open, head_.size()) > kHeadBytesMax) return fail_call();
  if (open == std::string::npos) return;
  const std::string head = head_;
  const std::string_view name = call_name(std::string_view(head).substr(0, open));
  if (name.empty()) return fail_call();
  begin_call(name);
  add_arguments(std::string_view(head).substr(open));
}

// The call ends before any arguments.
void OutputMachine::close_call_head() {
  const std::string head = head_;
  if (const std::string_view name = call_name(head); !name.empty()) {
    begin_call(name);
    end_call();
  } else if (!strip(head).empty()) {
    fail_call();
  }
  head_.clear();
}

void OutputMachine::fail_call() {
  state_ = State::kFailedCall;
  add_text(std::string(token::kToolCall) + std::exchange(head_, {}));
}

void OutputMachine::begin_call(std::string_view name) {
  const Tool* tool = find_tool(tools_, name);
  events_.push_back(ToolCallBegin{calls_, tool == nullptr ? std::string(name) : tool->name});
  arguments_.emplace(tool == nullptr ? nullptr : &tool->parameters);
  head_.clear();
  state_ = State::kCall;
}

void OutputMachine::add_arguments(std::string_view text) {
  if (!arguments_->closed()) {
    emit_json(arguments_->push(text));
    if (!arguments_->closed()) return;
  } else {
    arguments_->push(text);
  }
  const std::string rest = arguments_->take_rest();
  const std::size_t visible = rest.find_first_not_of(kSurplus);
  if (visible == std::string::npos) return;
  end_call();
  add_text(std::string_view(rest).substr(visible));
}

void OutputMachine::add_doubtful(std::string_view text) {
  doubt_ += text;
  if (strip(text).empty()) return;
  state_ = State::kCall;
  add_arguments(std::exchange(doubt_, {}));
}

void OutputMachine::end_call() {
  emit_json(arguments_->finish());
  events_.push_back(ToolCallEnd{calls_++, {}});
  ++whole_calls_;
  arguments_.reset();
  doubt_.clear();
  state_ = State::kText;
}

void OutputMachine::cut_call() {
  events_.push_back(ToolCallEnd{calls_++, arguments_->cut()});
  arguments_.reset();
  state_ = State::kText;
}

void OutputMachine::emit_json(std::string json) {
  if (!json.empty()) events_.push_back(ToolCallArguments{calls_, std::move(json)});
}

}  // namespace g4::chat
