// A conversation in words that belong to no API dialect and no chat template.
//
// Every dialect (OpenAI, Anthropic, Ollama, ...) is brought to these types; `render.h` turns them
// into a prompt. Sampling, limits and streaming are not here. Strings are UTF-8. JSON values nest
// at most as deep as json_members.h lets them.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace g4::chat {

enum class Role : std::uint8_t { kSystem, kDeveloper, kUser, kAssistant, kTool };

// Where a medium is and how to look at it, as the client wrote it; unchecked.
struct MediaSource {
  std::string url;                  // of an image or a video, unless...
  std::vector<std::string> frames;  // ...a video is given as pictures: their URLs
  boost::json::object options;      // what stood beside it: "detail", "fps", ...
  std::string path;                 // of the object that held the options, for errors
  std::string part;                 // path of the part itself: "messages[0].content[1]"
};

// One piece of a message. A medium is only a placeholder in the prompt.
struct Part {
  enum class Kind : std::uint8_t { kText, kImage, kVideo, kAudio };
  Kind kind = Kind::kText;
  std::string text;        // of kText; empty for media
  MediaSource media = {};  // of media
};

// Absent, one text, or a list. Templates treat a text and a list of one text differently.
using Content = std::variant<std::monostate, std::string, std::vector<Part>>;

struct ToolCall {
  std::optional<std::string> id;
  std::string name;
  boost::json::object arguments;
};

// Gemma's own form of a tool result, embedded in the assistant message; may be any JSON value,
// where a `tool` message can only carry text.
struct ToolResponse {
  std::string name;  // empty: unknown
  boost::json::value response;
};

struct Message {
  Role role = Role::kUser;
  Content content;
  std::string reasoning;                     // a thought before the answer; empty: none
  std::vector<ToolCall> tool_calls;          // of an assistant message
  std::vector<ToolResponse> tool_responses;  // of an assistant message; wins over tool messages
  std::optional<std::string> tool_call_id;   // of a tool message: which call it answers
  std::optional<std::string> name;           // of a tool message: function, if no id matches
};

// A function that the model may call.
struct Tool {
  std::string name;
  std::string description;
  boost::json::value parameters;               // JSON Schema of an object; null: no parameters
  std::optional<boost::json::value> response;  // schema of the result, rarely given
  bool strict = false;                         // arguments are to satisfy `parameters`
};

struct ChatOptions {
  bool thinking = false;              // the model may think before it answers
  bool preserve_thinking = false;     // keep thoughts of earlier tool-calling messages
  bool add_generation_prompt = true;  // open the model's turn at the end
  bool continue_final = false;        // leave the last assistant message open and add nothing
};

}  // namespace g4::chat
