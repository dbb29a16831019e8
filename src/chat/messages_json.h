// Reads the OpenAI wire shape of messages and tools (POST /v1/chat/completions).
//
// Errors name the place first: `messages[2].content[0].type: ...`, so that a caller may split at
// the first ": " to report the parameter. `path` is the name of the value itself ("messages").
// Unknown members are ignored, as OpenAI clients send many.
#pragma once

#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/message.h"

namespace g4::chat {

// Roles system, developer, user, assistant, tool, and the legacy `function`. Arguments of tool
// calls arrive as a JSON string (or an object) and become an object.
Result<std::vector<Message>> messages_from_json(const boost::json::value& value,
                                                std::string_view path);

// [{"type": "function", "function": {name, description, parameters, response}}]; null gives none.
Result<std::vector<Tool>> tools_from_json(const boost::json::value& value, std::string_view path);

}  // namespace g4::chat
