#include "api/anthropic_content.h"

#include <fmt/format.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "chat/json_members.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using namespace chat::json_members;
using chat::Message;
using chat::Part;
using chat::Role;

// Blocks are paragraphs of their own: templates would glue them.
void add_paragraph(std::string& text, std::string_view more, std::string_view between = "\n") {
  if (!text.empty() && !more.empty()) text += between;
  text += more;
}

void add_text(std::vector<Part>& parts, std::string_view text) {
  if (parts.empty() || parts.back().kind != Part::Kind::kText)
    parts.push_back({Part::Kind::kText, {}, {}});
  add_paragraph(parts.back().text, text);
}

// Calls `read(block, type, path)` for each block of `content`; a string is one block of text.
template <class Read>
Status each_block(const json::value* content, const std::string& path, Read read) {
  if (content == nullptr) return wrong(path, "is missing");
  if (content->is_string())
    return read(json::object{{"text", *content}}, std::string_view("text"), path);
  if (!content->is_array()) return wrong(path, "must be a string or an array of blocks");
  std::size_t index = 0;
  for (const json::value& value : content->get_array()) {
    const std::string place = at(path, index++);
    const json::object* block = G4_TRY(as_object(value, place));
    const std::string type = G4_TRY(need_string(*block, "type", place));
    G4_TRY(read(*block, std::string_view(type), place));
  }
  return {};
}

Status refuse_citations(const json::object& block, std::string_view path) {
  const json::value* citations = find(block, "citations");
  const json::object* wish = citations == nullptr ? nullptr : citations->if_object();
  const json::value* enabled = wish == nullptr ? nullptr : find(*wish, "enabled");
  if (enabled == nullptr || *enabled == false) return {};
  return wrong(in(path, "citations"), "this server does not cite");
}

Result<Part> read_image(const json::object& block, std::string_view path) {
  const json::object* source = G4_TRY(need_object(block, "source", path));
  const std::string place = in(path, "source");
  const std::string type = G4_TRY(need_string(*source, "type", place));
  Part image{Part::Kind::kImage, {}, {}};
  image.media.path = path;
  image.media.part = path;
  if (type == "base64")
    image.media.url = "data:;base64," + G4_TRY(need_string(*source, "data", place));
  else if (type == "url")
    image.media.url = G4_TRY(need_string(*source, "url", place));
  else
    return wrong(in(place, "type"), fmt::format("must be base64 or url, not \"{}\"", type));
  for (const auto& [key, value] : block)
    if (key != "source") image.media.options[key] = value;
  return image;
}

Status read_shown(const json::object& block, std::string_view type, std::string_view path,
                  std::vector<Part>& parts);

Status read_document(const json::object& block, std::string_view path, std::vector<Part>& parts) {
  G4_TRY(refuse_citations(block, path));
  const json::object* source = G4_TRY(need_object(block, "source", path));
  const std::string place = in(path, "source");
  const std::string type = G4_TRY(need_string(*source, "type", place));
  for (const std::string_view key : {"title", "context"})
    if (const auto text = G4_TRY(optional_string(block, key, path))) add_text(parts, *text);
  if (type == "text") {
    add_text(parts, G4_TRY(need_string(*source, "data", place)));
    return {};
  }
  if (type == "content")
    return each_block(
        find(*source, "content"), in(place, "content"),
        [&](const json::object& inner, std::string_view kind, std::string_view where) -> Status {
          if (kind != "text" && kind != "image")
            return wrong(in(where, "type"), "must be text or image");
          return read_shown(inner, kind, where, parts);
        });
  return wrong(in(place, "type"),
               fmt::format("must be text or content, not \"{}\": PDF files are not read here, but "
                           "their pages can be sent as images",
                           type));
}

Status read_search_result(const json::object& block, std::string_view path,
                          std::vector<Part>& parts) {
  G4_TRY(refuse_citations(block, path));
  for (const std::string_view key : {"title", "source"})
    if (const auto text = G4_TRY(optional_string(block, key, path))) add_text(parts, *text);
  return each_block(
      find(block, "content"), in(path, "content"),
      [&](const json::object& inner, std::string_view type, std::string_view where) -> Status {
        if (type != "text") return wrong(in(where, "type"), "must be text");
        return read_shown(inner, type, where, parts);
      });
}

// What a user, or a tool, can show to the model.
Status read_shown(const json::object& block, std::string_view type, std::string_view path,
                  std::vector<Part>& parts) {
  if (type == "document") return read_document(block, path, parts);
  if (type == "search_result") return read_search_result(block, path, parts);
  if (type == "text")
    add_text(parts, G4_TRY(need_string(block, "text", path)));
  else if (type == "image")
    parts.push_back(G4_TRY(read_image(block, path)));
  else
    return wrong(in(path, "type"),
                 fmt::format("blocks of the type \"{}\" are not understood here", type));
  return {};
}

Result<std::string> read_system(const json::value* content, const std::string& path) {
  std::string joined;
  const auto add = [&](const json::object& block, std::string_view type,
                       std::string_view where) -> Status {
    if (type != "text") return wrong(in(where, "type"), "must be text");
    add_paragraph(joined, G4_TRY(need_string(block, "text", where)), "\n\n");
    return {};
  };
  G4_TRY(each_block(content, path, add));
  return joined;
}

Message message_of(Role role, chat::Content content) {
  Message message;
  message.role = role;
  message.content = std::move(content);
  return message;
}

class TalkReader {
 public:
  void add_system(std::string text);
  Status add(const json::value& message, std::string_view path);
  Result<AnthropicTalk> finish() &&;

 private:
  Status add_user(const json::object& message, std::string_view path);
  Status add_result(const json::object& block, std::string_view path);
  Status add_assistant(const json::object& message, std::string_view path);
  Status add_call(const json::object& block, std::string_view path);
  void end_assistant_turn();
  Status check_answered() const;

  std::vector<Message> messages_;
  bool assistant_turn_ = false;  // of which these are not yet in messages_:
  std::string thought_, words_;
  std::vector<chat::ToolCall> calls_;
  // The calls that wait for their results, by id, with their places; and where in messages_ the
  // next result goes.
  std::map<std::string, std::string, std::less<>> open_;
  std::size_t results_end_ = 0;
};

void TalkReader::add_system(std::string text) {
  if (text.empty()) return;
  if (messages_.size() == 1 && messages_[0].role == Role::kSystem)
    add_paragraph(std::get<std::string>(messages_[0].content), text, "\n\n");
  else
    messages_.push_back(message_of(Role::kSystem, std::move(text)));
}

Status TalkReader::add(const json::value& value, std::string_view path) {
  const json::object* message = G4_TRY(as_object(value, path));
  const std::string role = G4_TRY(need_string(*message, "role", path));
  if (role == "assistant") return add_assistant(*message, path);
  end_assistant_turn();
  // The last two are what new versions of Claude Code say.
  if (role == "user" || role == "ctx" || role == "msg") return add_user(*message, path);
  if (role != "system")
    return wrong(in(path, "role"),
                 fmt::format("must be user, assistant or system, not \"{}\"", role));
  add_system(G4_TRY(read_system(find(*message, "content"), in(path, "content"))));
  return {};
}

Status TalkReader::add_user(const json::object& message, std::string_view path) {
  std::vector<Part> parts;
  const std::size_t results_before = results_end_;
  G4_TRY(each_block(find(message, "content"), in(path, "content"),
                    [&](const json::object& block, std::string_view type, std::string_view where) {
                      return type == "tool_result" ? add_result(block, where)
                                                   : read_shown(block, type, where, parts);
                    }));
  if (parts.empty() && results_end_ > results_before) return {};
  if (messages_.empty() || messages_.back().role != Role::kUser) {
    messages_.push_back(message_of(Role::kUser, std::move(parts)));
    return {};
  }
  auto& said = std::get<std::vector<Part>>(messages_.back().content);
  for (Part& part : parts)
    if (part.kind == Part::Kind::kText)
      add_text(said, part.text);
    else
      said.push_back(std::move(part));
  return {};
}

// Directly behind the calls, whatever else the user's turn says before it.
Status TalkReader::add_result(const json::object& block, std::string_view path) {
  const std::string id = G4_TRY(need_string(block, "tool_use_id", path));
  if (open_.erase(id) == 0)
    return wrong(in(path, "tool_use_id"),
                 fmt::format("no call \"{}\" of the turn before waits for a result", id));
  std::vector<Part> parts;
  if (const json::value* content = find(block, "content"))
    G4_TRY(
        each_block(content, in(path, "content"),
                   [&](const json::object& inner, std::string_view type, std::string_view where) {
                     return read_shown(inner, type, where, parts);
                   }));
  if (parts.empty() || parts.front().kind != Part::Kind::kText)
    parts.insert(parts.begin(), Part{Part::Kind::kText, {}, {}});
  if (const json::value* failed = find(block, "is_error"); failed != nullptr && *failed == true)
    parts.front().text.insert(0, parts.front().text.empty() ? "Error" : "Error: ");
  Message result = message_of(Role::kTool, std::move(parts));
  result.tool_call_id = id;
  messages_.insert(messages_.begin() + static_cast<std::ptrdiff_t>(results_end_++),
                   std::move(result));
  return {};
}

Status TalkReader::add_assistant(const json::object& message, std::string_view path) {
  if (!assistant_turn_) G4_TRY(check_answered());
  assistant_turn_ = true;
  return each_block(
      find(message, "content"), in(path, "content"),
      [&](const json::object& block, std::string_view type, std::string_view where) -> Status {
        if (type == "redacted_thinking") return {};
        if (type == "tool_use") return add_call(block, where);
        if (type == "text")
          add_paragraph(words_, G4_TRY(need_string(block, "text", where)));
        else if (type == "thinking")
          add_paragraph(thought_, G4_TRY(need_string(block, "thinking", where)));
        else
          return wrong(in(where, "type"),
                       fmt::format("must be text, thinking, redacted_thinking or tool_use, not "
                                   "\"{}\"",
                                   type));
        return {};
      });
}

Status TalkReader::add_call(const json::object& block, std::string_view path) {
  chat::ToolCall call;
  call.id = G4_TRY(need_string(block, "id", path));
  call.name = G4_TRY(need_name(block, path));
  call.arguments = *G4_TRY(need_object(block, "input", path));
  if (!open_.emplace(*call.id, path).second)
    return wrong(in(path, "id"), fmt::format("two calls of one turn are called \"{}\"", *call.id));
  calls_.push_back(std::move(call));
  return {};
}

void TalkReader::end_assistant_turn() {
  if (!std::exchange(assistant_turn_, false)) return;
  messages_.push_back(message_of(Role::kAssistant, std::exchange(words_, {})));
  messages_.back().reasoning = std::exchange(thought_, {});
  messages_.back().tool_calls = std::exchange(calls_, {});
  results_end_ = messages_.size();
}

Status TalkReader::check_answered() const {
  if (open_.empty()) return {};
  const auto& [id, path] = *open_.begin();
  return wrong(path, fmt::format("the turn behind the call \"{}\" has no result of it", id));
}

Result<AnthropicTalk> TalkReader::finish() && {
  G4_TRY(check_answered());
  AnthropicTalk talk;
  talk.continues = assistant_turn_ && !(words_.empty() && thought_.empty());
  if (talk.continues) end_assistant_turn();  // an answer that has begun with nothing has not begun
  talk.messages = std::move(messages_);
  return talk;
}

}  // namespace

Result<AnthropicTalk> read_anthropic_talk(const json::object& request) {
  TalkReader talk;
  if (const json::value* system = find(request, "system"))
    talk.add_system(G4_TRY(read_system(system, "system")));
  const json::value* messages = find(request, "messages");
  if (messages == nullptr) return wrong("messages", "is missing");
  if (!messages->is_array() || messages->get_array().empty())
    return wrong("messages", "must be an array of at least one message");
  std::size_t index = 0;
  for (const json::value& message : messages->get_array())
    G4_TRY(talk.add(message, at("messages", index++)));
  return std::move(talk).finish();
}

Result<std::vector<chat::Tool>> read_anthropic_tools(const json::object& request) {
  std::vector<chat::Tool> tools;
  const json::value* list = find(request, "tools");
  if (list == nullptr) return tools;
  if (!list->is_array()) return wrong("tools", "must be an array of tools");
  std::size_t index = 0;
  for (const json::value& value : list->get_array()) {
    const std::string path = at("tools", index++);
    const json::object* entry = G4_TRY(as_object(value, path));
    const auto type = G4_TRY(optional_string(*entry, "type", path));
    if (type && *type != "custom") continue;
    chat::Tool tool;
    tool.name = G4_TRY(need_name(*entry, path));
    tool.description = G4_TRY(optional_string(*entry, "description", path)).value_or("");
    if (find(*entry, "input_schema") != nullptr)
      tool.parameters = *G4_TRY(need_object(*entry, "input_schema", path));
    tool.strict = G4_TRY(optional_bool(*entry, "strict", path)).value_or(false);
    tools.push_back(std::move(tool));
  }
  return tools;
}

}  // namespace g4::api
