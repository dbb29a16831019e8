// The turns of Gemma 4: Google's canonical template of 2026-07-09, step by step.
//
// One model turn may span several assistant messages and the tool results between them; tool
// messages are written by the assistant message whose calls they answer, and a tool message that
// follows no call is dropped. What the template does oddly (content after calls, no model turn
// opened after it) is done here too.
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "chat/gemma4_tools.h"
#include "chat/python_text.h"
#include "chat/templates.h"
#include "chat/writer.h"

namespace g4::chat {
namespace {

// What the last non-tool message ended with: decides whether a model turn is open.
enum class Tail : std::uint8_t { kPlain, kToolCall, kToolResponse };

// Names of one message's calls by id. An absent id equals an absent tool_call_id; the last call
// wins.
using CallNames = std::map<std::optional<std::string>, std::string_view>;

bool is_system(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

std::string_view turn_name(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kDeveloper:
      return "developer";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "model";
    case Role::kTool:
      return "tool";
  }
  return {};
}

// Drops every thought in stored content: each <|channel>...<channel|> span.
std::string strip_thinking(std::string_view text) {
  std::string kept;
  while (true) {
    const std::size_t end = text.find(token::kChannelEnd);
    const std::string_view part = text.substr(0, end);
    kept += part.substr(0, part.find(token::kChannel));
    if (end == std::string_view::npos) return std::string(strip(kept));
    text.remove_prefix(end + token::kChannelEnd.size());
  }
}

void write_media(Writer& out, Part::Kind kind) {
  if (kind == Part::Kind::kImage) out.control(token::kImage);
  if (kind == Part::Kind::kAudio) out.control(token::kAudio);
  if (kind == Part::Kind::kVideo) out.control(token::kVideo);
}

class Gemma4 {
 public:
  Gemma4(std::span<const Message> messages, const ChatOptions& options)
      : messages_(messages), options_(options) {}

  Status write_system_turn(std::span<const Tool> tools);
  void write_messages();
  void write_generation_prompt(EmptyThought empty_thought);
  Rendered take() && { return std::move(out_).take(); }

 private:
  void write_message(std::size_t index);
  void write_thought(std::size_t index);
  bool write_responses(std::size_t index);
  void write_tool_message(const CallNames& names, const Message& answer);
  Writer content_of(const Message& message) const;
  void close_turn(std::size_t index, bool answered, bool has_content);
  const Message* next_speaker(std::size_t index) const;

  std::span<const Message> messages_;  // without the leading system message, once that is written
  const ChatOptions& options_;
  Writer out_;
  Tail tail_ = Tail::kPlain;
  const Message* previous_ = nullptr;  // last non-tool message
  std::ptrdiff_t last_user_ = -1;
};

Status Gemma4::write_system_turn(std::span<const Tool> tools) {
  out_.control(token::kBos);
  const bool has_system = !messages_.empty() && is_system(messages_.front());
  if (!options_.thinking && tools.empty() && !has_system) return {};
  out_.control(token::kTurn);
  out_.text("system\n");
  if (options_.thinking) {
    out_.control(token::kThink);
    out_.text("\n");
  }
  if (has_system) {
    const Content& content = messages_.front().content;
    if (const auto* text = std::get_if<std::string>(&content)) out_.text(strip(*text));
    if (const auto* parts = std::get_if<std::vector<Part>>(&content)) {
      for (const Part& part : *parts) {
        out_.text(strip(part.text));
        out_.text(" ");
      }
    }
    messages_ = messages_.subspan(1);
  }
  for (const Tool& tool : tools) G4_TRY(write_declaration(out_, tool));
  out_.control(token::kTurnEnd);
  out_.text("\n");
  return {};
}

void Gemma4::write_messages() {
  for (std::size_t i = 0; i < messages_.size(); ++i)
    if (messages_[i].role == Role::kUser) last_user_ = static_cast<std::ptrdiff_t>(i);
  for (std::size_t i = 0; i < messages_.size(); ++i)
    if (messages_[i].role != Role::kTool) write_message(i);
}

void Gemma4::write_message(std::size_t index) {
  const Message& message = messages_[index];
  tail_ = Tail::kPlain;
  const bool same_turn = message.role == Role::kAssistant && previous_ != nullptr &&
                         previous_->role == Role::kAssistant;
  if (!same_turn) {
    out_.control(token::kTurn);
    out_.text(turn_name(message.role));
    out_.text("\n");
  }
  write_thought(index);
  for (const ToolCall& call : message.tool_calls) write_tool_call(out_, call);
  if (!message.tool_calls.empty()) tail_ = Tail::kToolCall;
  const bool answered = write_responses(index);
  const Writer content = content_of(message);
  out_.append(content);
  close_turn(index, answered, !content.blank());
  previous_ = &message;
}

// Thoughts after the last user message stay, so that a tool loop keeps its reasoning.
void Gemma4::write_thought(std::size_t index) {
  const Message& message = messages_[index];
  const bool recent = static_cast<std::ptrdiff_t>(index) > last_user_;
  const bool keep = recent || (options_.preserve_thinking && !message.tool_calls.empty());
  if (message.reasoning.empty() || !keep) return;
  out_.control(token::kChannel);
  out_.text("thought\n");
  out_.text(message.reasoning);
  out_.text("\n");
  out_.control(token::kChannelEnd);
}

// Answers to the calls of this message; true if there were any.
bool Gemma4::write_responses(std::size_t index) {
  const Message& message = messages_[index];
  bool answered = false;
  for (const ToolResponse& given : message.tool_responses) {
    write_tool_response(out_, given.name.empty() ? "unknown" : given.name, given.response);
    answered = true;
  }
  if (!answered && !message.tool_calls.empty()) {
    CallNames names;
    for (const ToolCall& call : message.tool_calls) names[call.id] = call.name;
    for (std::size_t k = index + 1; k < messages_.size(); ++k) {
      if (messages_[k].role != Role::kTool) break;
      write_tool_message(names, messages_[k]);
      answered = true;
    }
  }
  if (answered) tail_ = Tail::kToolResponse;
  return answered;
}

void Gemma4::write_tool_message(const CallNames& names, const Message& answer) {
  const auto call = names.find(answer.tool_call_id);
  std::string_view name = "unknown";
  if (call != names.end()) {
    name = call->second;
  } else if (answer.name && !answer.name->empty()) {
    name = *answer.name;
  }
  if (const auto* text = std::get_if<std::string>(&answer.content)) {
    write_tool_response(out_, name, boost::json::string(*text));
  } else if (const auto* parts = std::get_if<std::vector<Part>>(&answer.content)) {
    boost::json::string joined;
    for (const Part& part : *parts)
      if (part.kind == Part::Kind::kText) joined.append(part.text);
    write_tool_response(out_, name, joined);
    for (const Part& part : *parts) write_media(out_, part.kind);
  } else {
    write_tool_response(out_, name, nullptr);
  }
}

Writer Gemma4::content_of(const Message& message) const {
  const auto clean = [&](std::string_view text) {
    return message.role == Role::kAssistant ? strip_thinking(text) : std::string(strip(text));
  };
  Writer content;
  if (const auto* text = std::get_if<std::string>(&message.content)) content.text(clean(*text));
  if (const auto* parts = std::get_if<std::vector<Part>>(&message.content)) {
    for (const Part& part : *parts) {
      if (part.kind == Part::Kind::kText) content.text(clean(part.text));
      write_media(content, part.kind);
    }
  }
  return content;
}

void Gemma4::close_turn(std::size_t index, bool answered, bool has_content) {
  const Message& message = messages_[index];
  const Message* next = next_speaker(index);
  if (options_.continue_final && index + 1 == messages_.size()) return;
  if (!message.tool_calls.empty() && !answered) {
    out_.control(token::kToolResponse);  // the answer is to come
    return;
  }
  const bool goes_on =
      message.role == Role::kAssistant && next != nullptr && next->role == Role::kAssistant;
  const bool waits_for_model = answered && !has_content && next == nullptr;
  if (goes_on || waits_for_model) return;
  out_.control(token::kTurnEnd);
  out_.text("\n");
}

const Message* Gemma4::next_speaker(std::size_t index) const {
  const auto rest = messages_.subspan(index + 1);
  const auto next =
      std::ranges::find_if(rest, [](const Message& m) { return m.role != Role::kTool; });
  return next == rest.end() ? nullptr : &*next;
}

void Gemma4::write_generation_prompt(EmptyThought empty_thought) {
  if (!options_.add_generation_prompt || options_.continue_final) return;
  if (tail_ == Tail::kPlain) {
    out_.control(token::kTurn);
    out_.text("model\n");
    if (options_.thinking || empty_thought == EmptyThought::kOmit) return;
    out_.control(token::kChannel);
    out_.text("thought\n");
    out_.control(token::kChannelEnd);
  } else if (tail_ == Tail::kToolResponse && options_.thinking) {
    out_.control(token::kChannel);
    out_.text("thought\n");
  }
}

}  // namespace

Result<Rendered> render_gemma4(std::span<const Message> messages, std::span<const Tool> tools,
                               const ChatOptions& options, EmptyThought empty_thought) {
  G4_TRY(check_final(messages, options));
  Gemma4 prompt(messages, options);
  G4_TRY(prompt.write_system_turn(tools));
  prompt.write_messages();
  prompt.write_generation_prompt(empty_thought);
  return std::move(prompt).take();
}

}  // namespace g4::chat
