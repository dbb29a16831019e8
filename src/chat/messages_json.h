// Reads the OpenAI wire shape of messages and tools (POST /v1/chat/completions), and the pieces of
// it that POST /v1/responses has too.
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

// The member `key` of what `path` names: nothing, a text, or parts of either API.
Result<Content> content_from_json(const boost::json::object& holder, std::string_view key,
                                  std::string_view path);
// {name, arguments}; arguments are the JSON text of an object (as OpenAI sends it), an object, or
// absent.
Result<ToolCall> call_from_json(const boost::json::object& function, std::string_view path);
// {name, description, parameters, response}
Result<Tool> function_from_json(const boost::json::object& function, std::string_view path);

}  // namespace g4::chat
