#include "chat/render.h"

#include "chat/templates.h"

namespace g4::chat {

std::string Rendered::text() const {
  std::string joined;
  for (const Piece& piece : pieces) joined += piece.text;
  return joined;
}

Status check_final(std::span<const Message> messages, const ChatOptions& options) {
  if (!options.continue_final) return {};
  if (messages.empty() || messages.back().role != Role::kAssistant)
    return Error{"to continue the final message, it must be an assistant message"};
  const Message& last = messages.back();
  if (!last.tool_calls.empty() || !last.tool_responses.empty())
    return Error{"a final message with tool calls cannot be continued"};
  if (std::holds_alternative<std::monostate>(last.content))
    return Error{"to continue the final message, it must have content"};
  return {};
}

Result<Rendered> render(TemplateKind kind, std::span<const Message> messages,
                        std::span<const Tool> tools, const ChatOptions& options) {
  switch (kind) {
    case TemplateKind::kGemma4:
      return render_gemma4(messages, tools, options, EmptyThought::kWrite);
    case TemplateKind::kGemma4Small:
      return render_gemma4(messages, tools, options, EmptyThought::kOmit);
    case TemplateKind::kGemma3:
      return render_gemma3(messages, options);
    case TemplateKind::kNone:
      break;
  }
  return Error{
      "this model has no chat template: it continues text; use /v1/completions or "
      "`gemma4 run --raw`"};
}

bool supports_tools(TemplateKind kind) {
  return kind == TemplateKind::kGemma4 || kind == TemplateKind::kGemma4Small;
}

bool supports_thinking(TemplateKind kind) { return supports_tools(kind); }

}  // namespace g4::chat
