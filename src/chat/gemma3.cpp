// The turns of Gemma 3: user and model in strict alternation, system text put before the first
// user's words. No tools, no thinking.
#include <string>
#include <string_view>

#include "chat/python_text.h"
#include "chat/templates.h"
#include "chat/writer.h"

namespace g4::chat {
namespace {

// The API's `developer` is taken as `system`; the template itself knows only the latter.
bool is_system(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

std::string_view turn_name(Role role) {
  if (role == Role::kAssistant) return "model";
  if (role == Role::kTool) return "tool";
  return role == Role::kUser ? "user" : "system";
}

Result<std::string> system_text(const Message& message) {
  if (const auto* text = std::get_if<std::string>(&message.content)) return *text;
  const auto* parts = std::get_if<std::vector<Part>>(&message.content);
  if (parts == nullptr || parts->empty() || parts->front().kind != Part::Kind::kText)
    return Error{"the system message must hold text: this model's template takes its first part"};
  return parts->front().text;
}

Status write_content(Writer& out, const Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) {
    out.text(strip(*text));
    return {};
  }
  const auto* parts = std::get_if<std::vector<Part>>(&content);
  if (parts == nullptr)
    return Error{
        "a message without content: this model's template needs a text or a list of parts"};
  for (const Part& part : *parts) {
    if (part.kind == Part::Kind::kText) out.text(strip(part.text));
    if (part.kind == Part::Kind::kImage) out.control(token::kGemma3Image);
  }
  return {};
}

}  // namespace

Result<Rendered> render_gemma3(std::span<const Message> messages, const ChatOptions& options) {
  if (messages.empty()) return Error{"a conversation needs at least one message"};
  G4_TRY(check_final(messages, options));
  Writer out;
  out.control(token::kBos);
  std::string prefix;
  if (is_system(messages.front())) {
    prefix = G4_TRY(system_text(messages.front())) + "\n\n";
    messages = messages.subspan(1);
  }
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if ((message.role == Role::kUser) != (i % 2 == 0))
      return Error{"Conversation roles must alternate user/assistant/user/assistant/..."};
    out.control(token::kGemma3Turn);
    out.text(turn_name(message.role));
    out.text("\n");
    if (i == 0) out.text(prefix);
    G4_TRY(write_content(out, message.content));
    if (options.continue_final && i + 1 == messages.size()) break;
    out.control(token::kGemma3TurnEnd);
    out.text("\n");
  }
  if (options.add_generation_prompt && !options.continue_final) {
    out.control(token::kGemma3Turn);
    out.text("model\n");
  }
  return std::move(out).take();
}

}  // namespace g4::chat
