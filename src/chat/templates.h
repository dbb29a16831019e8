// The templates behind render(), one function each.
#pragma once

#include <span>

#include "base/result.h"
#include "chat/render.h"

namespace g4::chat {

enum class EmptyThought : std::uint8_t { kWrite, kOmit };  // when thinking is off

Result<Rendered> render_gemma4(std::span<const Message> messages, std::span<const Tool> tools,
                               const ChatOptions& options, EmptyThought empty_thought);
Result<Rendered> render_gemma3(std::span<const Message> messages, const ChatOptions& options);

// continue_final needs a last message that a model could go on writing.
Status check_final(std::span<const Message> messages, const ChatOptions& options);

}  // namespace g4::chat
