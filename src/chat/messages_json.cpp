#include "chat/messages_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>

#include "chat/json_members.h"

namespace g4::chat {
namespace {

namespace json = boost::json;
using namespace json_members;

Result<Role> read_role(const json::object& object, std::string_view path) {
  const std::string role = G4_TRY(need_string(object, "role", path));
  if (role == "system") return Role::kSystem;
  if (role == "developer") return Role::kDeveloper;
  if (role == "user") return Role::kUser;
  if (role == "assistant") return Role::kAssistant;
  if (role == "tool" || role == "function") return Role::kTool;
  return wrong(in(path, "role"),
               fmt::format("must be system, developer, user, assistant or tool, not \"{}\"", role));
}

Result<std::vector<std::string>> read_frames(const json::value& value, std::string_view path) {
  if (!value.is_array() || value.get_array().empty())
    return wrong(path, "must be a list of the URLs of pictures");
  std::vector<std::string> frames;
  for (const json::value& frame : value.get_array()) {
    if (!frame.is_string()) return wrong(at(path, frames.size()), "must be a string");
    frames.emplace_back(frame.get_string());
  }
  return frames;
}

// Where the medium is, out of the object that tells it: "url", "frames", or llama-server's "data".
Status read_place(const json::object& source, MediaSource& media, std::string_view path) {
  if (const json::value* frames = find(source, "frames")) {
    media.frames = G4_TRY(read_frames(*frames, in(path, "frames")));
  } else if (find(source, "data") != nullptr) {
    media.url = "data:;base64," + G4_TRY(need_string(source, "data", path));
  } else {
    media.url = G4_TRY(need_string(source, "url", path));
  }
  return {};
}

// All members but the medium itself, which may be long.
json::object options_beside(const json::object& source) {
  constexpr std::string_view kMedia[] = {"url",   "frames",    "data",  "image_url",
                                         "image", "video_url", "video", "input_video"};
  json::object options;
  for (const auto& [key, value] : source)
    if (std::ranges::find(kMedia, std::string_view(key)) == std::end(kMedia)) options[key] = value;
  return options;
}

// {"image_url": {"url", ...}}, the URL alone ({"image_url": "..."}), or the pictures of a video
// ({"video": ["...", "..."], "fps": 2}). `keys`: names that clients give the member. A part of
// other servers may carry none of them: the template asks for nothing more.
Result<MediaSource> read_media(const json::object& part,
                               std::initializer_list<std::string_view> keys,
                               std::string_view path) {
  MediaSource media;
  media.path = path;
  media.part = path;
  for (const std::string_view key : keys) {
    const json::value* value = find(part, key);
    if (value == nullptr) continue;
    const std::string place = in(path, key);
    if (value->is_object()) {
      media.path = place;
      media.options = options_beside(value->get_object());
      G4_TRY(read_place(value->get_object(), media, place));
      return media;
    }
    media.options = options_beside(part);
    if (value->is_array())
      media.frames = G4_TRY(read_frames(*value, place));
    else if (value->is_string())
      media.url = value->get_string();
    else
      return wrong(place, "must be an object with \"url\", or a URL");
    return media;
  }
  return media;
}

Result<Part> read_part(const json::value& value, std::string_view path) {
  const json::object* part = G4_TRY(as_object(value, path));
  const std::string type = G4_TRY(need_string(*part, "type", path));
  if (type == "text" || type == "input_text" || type == "output_text")
    return Part{Part::Kind::kText, G4_TRY(need_string(*part, "text", path)), {}};
  if (type == "refusal")  // the model's own words in stored history
    return Part{Part::Kind::kText, G4_TRY(need_string(*part, "refusal", path)), {}};
  if (type == "image_url" || type == "input_image" || type == "image")
    return Part{Part::Kind::kImage, {}, G4_TRY(read_media(*part, {"image_url", "image"}, path))};
  if (type == "input_audio" || type == "audio")
    return Part{Part::Kind::kAudio, {}, G4_TRY(read_media(*part, {}, path))};
  if (type == "video_url" || type == "input_video" || type == "video")
    return Part{Part::Kind::kVideo,
                {},
                G4_TRY(read_media(*part, {"video_url", "video", "input_video"}, path))};
  return wrong(in(path, "type"),
               fmt::format("must be text, image_url, input_audio, video_url, or input_text, "
                           "output_text or input_image, not \"{}\"",
                           type));
}

Result<json::object> read_arguments(const json::object& function, std::string_view path) {
  const json::value* arguments = find(function, "arguments");
  if (arguments == nullptr) return json::object();
  if (arguments->is_object()) return arguments->get_object();
  if (!arguments->is_string())
    return wrong(in(path, "arguments"), "must be a JSON object, written as a string");
  const json::string& text = arguments->get_string();
  if (text.empty()) return json::object();
  auto parsed = read_json(text);
  if (!parsed) return wrong(in(path, "arguments"), parsed.error().message);
  if (!parsed->is_object()) return wrong(in(path, "arguments"), "must hold a JSON object");
  return std::move(parsed->get_object());
}

Result<std::vector<ToolCall>> read_calls(const json::object& message, std::string_view path) {
  std::vector<ToolCall> calls;
  const std::string list = in(path, "tool_calls");
  for (const json::value& value : G4_TRY(optional_array(message, "tool_calls", path))) {
    const std::string place = at(list, calls.size());
    const json::object* entry = G4_TRY(as_object(value, place));
    const json::object* function = G4_TRY(need_object(*entry, "function", place));
    ToolCall call = G4_TRY(call_from_json(*function, in(place, "function")));
    call.id = G4_TRY(optional_string(*entry, "id", place));
    calls.push_back(std::move(call));
  }
  if (calls.empty() && find(message, "function_call") != nullptr) {  // before there were tools
    const json::object* function = G4_TRY(need_object(message, "function_call", path));
    calls.push_back(G4_TRY(call_from_json(*function, in(path, "function_call"))));
  }
  return calls;
}

Result<std::vector<ToolResponse>> read_responses(const json::object& message,
                                                 std::string_view path) {
  std::vector<ToolResponse> responses;
  const std::string list = in(path, "tool_responses");
  for (const json::value& value : G4_TRY(optional_array(message, "tool_responses", path))) {
    const std::string place = at(list, responses.size());
    const json::object* entry = G4_TRY(as_object(value, place));
    const json::value* response = entry->if_contains("response");
    if (response == nullptr) return wrong(in(place, "response"), "is missing");
    const auto name = G4_TRY(optional_string(*entry, "name", place));
    responses.push_back({name.value_or(""), *response});
  }
  return responses;
}

// What the assistant did besides talking.
Status read_assistant(const json::object& object, std::string_view path, Message& message) {
  message.reasoning = G4_TRY(optional_string(object, "reasoning", path)).value_or("");
  if (message.reasoning.empty())
    message.reasoning = G4_TRY(optional_string(object, "reasoning_content", path)).value_or("");
  message.tool_calls = G4_TRY(read_calls(object, path));
  message.tool_responses = G4_TRY(read_responses(object, path));
  return {};
}

Result<Message> read_message(const json::value& value, std::string_view path) {
  const json::object* object = G4_TRY(as_object(value, path));
  Message message;
  message.role = G4_TRY(read_role(*object, path));
  message.content = G4_TRY(content_from_json(*object, "content", path));
  if (message.role == Role::kAssistant) G4_TRY(read_assistant(*object, path, message));
  if (message.role == Role::kTool) {
    message.tool_call_id = G4_TRY(optional_string(*object, "tool_call_id", path));
    message.name = G4_TRY(optional_string(*object, "name", path));
  }
  return message;
}

Result<Tool> read_tool(const json::value& value, std::string_view path) {
  const json::object* entry = G4_TRY(as_object(value, path));
  const auto type = G4_TRY(optional_string(*entry, "type", path));
  if (type && *type != "function")
    return wrong(in(path, "type"), fmt::format("must be \"function\", not \"{}\"", *type));
  const json::object* function = G4_TRY(need_object(*entry, "function", path));
  return function_from_json(*function, in(path, "function"));
}

}  // namespace

Result<Content> content_from_json(const json::object& holder, std::string_view key,
                                  std::string_view path) {
  const json::value* content = find(holder, key);
  if (content == nullptr) return Content();
  if (content->is_string()) return Content(std::string(content->get_string()));
  if (!content->is_array()) return wrong(in(path, key), "must be a string or an array of parts");
  std::vector<Part> parts;
  for (const json::value& part : content->get_array())
    parts.push_back(G4_TRY(read_part(part, at(in(path, key), parts.size()))));
  return Content(std::move(parts));
}

Result<ToolCall> call_from_json(const json::object& function, std::string_view path) {
  ToolCall call;
  call.name = G4_TRY(need_name(function, path));
  call.arguments = G4_TRY(read_arguments(function, path));
  return call;
}

Result<Tool> function_from_json(const json::object& function, std::string_view path) {
  Tool tool;
  tool.name = G4_TRY(need_name(function, path));
  tool.description = G4_TRY(optional_string(function, "description", path)).value_or("");
  if (const json::value* parameters = find(function, "parameters")) {
    G4_TRY(as_object(*parameters, in(path, "parameters")));
    tool.parameters = *parameters;
  }
  if (const json::value* response = find(function, "response")) {
    G4_TRY(as_object(*response, in(path, "response")));
    tool.response = *response;
  }
  tool.strict = G4_TRY(optional_bool(function, "strict", path)).value_or(false);
  return tool;
}

Result<std::vector<Message>> messages_from_json(const json::value& value, std::string_view path) {
  if (!value.is_array()) return wrong(path, "must be an array of messages");
  if (value.get_array().empty()) return wrong(path, "must hold at least one message");
  std::vector<Message> messages;
  for (const json::value& item : value.get_array())
    messages.push_back(G4_TRY(read_message(item, at(path, messages.size()))));
  return messages;
}

Result<std::vector<Tool>> tools_from_json(const json::value& value, std::string_view path) {
  std::vector<Tool> tools;
  if (value.is_null()) return tools;
  if (!value.is_array()) return wrong(path, "must be an array of tools");
  for (const json::value& item : value.get_array())
    tools.push_back(G4_TRY(read_tool(item, at(path, tools.size()))));
  return tools;
}

}  // namespace g4::chat
