// Gemma 4's own syntax for values, tool declarations, tool calls and tool responses.
//
// It is not JSON: strings stand between <|"|> tokens without escapes, members are sorted. The
// rules, oddities included, are those of tests/golden/chat/gemma4_chat_template.jinja.
#pragma once

#include <string_view>

#include "base/result.h"
#include "chat/message.h"
#include "chat/writer.h"

namespace g4::chat {

Status write_declaration(Writer& out, const Tool& tool);
void write_tool_call(Writer& out, const ToolCall& call);
void write_tool_response(Writer& out, std::string_view name, const boost::json::value& response);

}  // namespace g4::chat
