#include "api/response_items.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "chat/json_members.h"
#include "chat/messages_json.h"

namespace g4::api {
namespace json = boost::json;
using namespace chat::json_members;
namespace {

constexpr std::string_view kCarriedThought = "gemma4:";

// Messages and references may come without a type, as OpenAI's clients write them.
Result<std::string> type_of(const json::object& item, std::string_view path) {
  const auto type = G4_TRY(optional_string(item, "type", path));
  if (type) return *type;
  if (find(item, "role") != nullptr) return std::string("message");
  const bool only_names = std::ranges::all_of(
      item, [](const auto& member) { return member.value().is_null() || member.key() == "id"; });
  if (only_names && find(item, "id") != nullptr) return std::string("item_reference");
  return wrong(in(path, "type"), "is missing");
}

// The content of a message as the list of parts that it is short for.
void spell_out(json::object& message) {
  json::value* content = message.if_contains("content");
  if (!content || !content->is_string()) return;
  json::object part;
  const json::value* role = message.if_contains("role");
  part["type"] = role && *role == "assistant" ? "output_text" : "input_text";
  part["text"] = std::move(*content);
  message["content"] = json::array{std::move(part)};
}

json::object message_of_user(std::string_view text) {
  json::object message{{"type", "message"}, {"role", "user"}, {"content", text}};
  spell_out(message);
  return message;
}

Result<chat::Role> read_role(const json::object& item, std::string_view path) {
  const std::string role = G4_TRY(need_string(item, "role", path));
  if (role == "user") return chat::Role::kUser;
  if (role == "assistant") return chat::Role::kAssistant;
  // Gemma knows one such role.
  if (role == "system" || role == "developer") return chat::Role::kSystem;
  return wrong(in(path, "role"),
               fmt::format("must be user, assistant, system or developer, not \"{}\"", role));
}

Status check_is_text(const chat::Content& content) {
  if (const auto* parts = std::get_if<std::vector<chat::Part>>(&content))
    for (const chat::Part& part : *parts)
      if (part.kind != chat::Part::Kind::kText)
        return wrong(part.media.part, "instructions hold text only");
  return {};
}

std::string text_of(const chat::Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) return *text;
  std::string joined;
  if (const auto* parts = std::get_if<std::vector<chat::Part>>(&content))
    for (const chat::Part& part : *parts) joined += part.text;
  return joined;
}

Result<std::string> joined_texts(const json::object& item, std::string_view key,
                                 std::string_view path) {
  std::string joined;
  const json::array parts = G4_TRY(optional_array(item, key, path));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string place = at(in(path, key), i);
    const json::object* part = G4_TRY(as_object(parts[i], place));
    joined += G4_TRY(need_string(*part, "text", place));
  }
  return joined;
}

void append_paragraph(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += "\n\n";
  text += more;
}

}  // namespace

Result<json::array> plain_items(const json::value& input, const FindResponse& find_response) {
  if (input.is_string()) return json::array{message_of_user(input.get_string())};
  if (!input.is_array()) return wrong("input", "must be a text or an array of items");
  json::array items;
  std::set<std::string, std::less<>> referenced;
  for (const json::value& value : input.get_array()) {
    const std::string path = at("input", items.size());
    json::object item = *G4_TRY(as_object(value, path));
    const std::string type = G4_TRY(type_of(item, path));
    if (type == "item_reference") {
      const std::string id = G4_TRY(need_string(item, "id", path));
      auto found = referenced.insert(id).second ? find_item(id, find_response) : std::nullopt;
      if (!found)
        return wrong(in(path, "id"),
                     fmt::format("there is no item \"{}\" in a stored response, or it was "
                                 "referred to before",
                                 id));
      items.push_back(*std::move(found));
      continue;
    }
    item["type"] = type;
    if (type == "message") spell_out(item);
    items.push_back(std::move(item));
  }
  return items;
}

void name_items(json::array& items, std::string_view key) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    json::object& item = items[i].get_object();
    if (find(item, "id") != nullptr) continue;
    const json::string& type = item.at("type").get_string();
    const std::string_view kind = type == "function_call"          ? "fc"
                                  : type == "function_call_output" ? "fco"
                                  : type == "reasoning"            ? "rs"
                                                                   : "msg";
    item["id"] = item_id(kind, key, fmt::format("in{}", i));
  }
}

std::string carried_thought(std::string_view thought) {
  return std::string(kCarriedThought) + std::string(thought);
}

Status ItemReader::add(const json::array& items, std::string_view path) {
  for (std::size_t i = 0; i < items.size(); ++i) G4_TRY(add(items[i].get_object(), at(path, i)));
  return {};
}

Status ItemReader::add(const json::object& item, std::string_view path) {
  const std::string type = G4_TRY(need_string(item, "type", path));
  const bool went_on_calling = std::exchange(calling_, type == "function_call");
  if (type == "function_call") {
    if (!went_on_calling || !thought_.empty()) begin_turn(chat::Role::kAssistant);
    return add_call(item, path);
  }
  if (type == "message") return add_message(item, path);
  if (type == "function_call_output") return add_result(item, path);
  if (type == "reasoning") return add_thought(item, path);
  return wrong(in(path, "type"),
               fmt::format("\"{}\" is not supported: this server knows message, function_call, "
                           "function_call_output, reasoning and item_reference",
                           type));
}

chat::Message& ItemReader::begin_turn(chat::Role role) {
  chat::Message& message = turns_.emplace_back().message;
  message.role = role;
  // A thought that led to nothing the client kept is dropped.
  std::string thought = std::exchange(thought_, {});
  if (role == chat::Role::kAssistant) message.reasoning = std::move(thought);
  return message;
}

Status ItemReader::add_message(const json::object& item, std::string_view path) {
  const chat::Role role = G4_TRY(read_role(item, path));
  chat::Content content = G4_TRY(chat::content_from_json(item, "content", path));
  if (std::holds_alternative<std::monostate>(content))
    return wrong(in(path, "content"), "is missing");
  if (role == chat::Role::kSystem) G4_TRY(check_is_text(content));
  begin_turn(role).content = std::move(content);
  return {};
}

// Calls in a row belong to one message, so that it is followed by the results of all.
Status ItemReader::add_call(const json::object& item, std::string_view path) {
  chat::ToolCall call = G4_TRY(chat::call_from_json(item, path));
  call.id = G4_TRY(need_string(item, "call_id", path));
  callers_[*call.id] = turns_.size() - 1;
  turns_.back().message.tool_calls.push_back(std::move(call));
  return {};
}

Status ItemReader::add_result(const json::object& item, std::string_view path) {
  chat::Message result;
  result.role = chat::Role::kTool;
  const std::string id = G4_TRY(need_string(item, "call_id", path));
  const auto caller = callers_.find(id);
  if (caller == callers_.end())
    return wrong(in(path, "call_id"), fmt::format("no call \"{}\" comes before its output", id));
  result.tool_call_id = id;
  result.content = G4_TRY(chat::content_from_json(item, "output", path));
  if (std::holds_alternative<std::monostate>(result.content))
    return wrong(in(path, "output"), "is missing");
  turns_[caller->second].results.push_back(std::move(result));
  return {};
}

// Summaries are no thoughts of this model.
Status ItemReader::add_thought(const json::object& item, std::string_view path) {
  std::string thought = G4_TRY(joined_texts(item, "content", path));
  const auto carried = G4_TRY(optional_string(item, "encrypted_content", path));
  if (thought.empty() && carried && carried->starts_with(kCarriedThought))
    thought = carried->substr(kCarriedThought.size());
  if (!thought_.empty() && !thought.empty()) thought_ += '\n';
  thought_ += thought;
  return {};
}

std::vector<chat::Message> ItemReader::take(std::string_view instructions) && {
  std::vector<chat::Message> messages;
  std::string system(instructions);
  auto turn = turns_.begin();
  for (; turn != turns_.end() && turn->message.role == chat::Role::kSystem; ++turn)
    append_paragraph(system, text_of(turn->message.content));
  if (!system.empty()) {
    messages.emplace_back().role = chat::Role::kSystem;
    messages.back().content = std::move(system);
  }
  for (; turn != turns_.end(); ++turn) {
    messages.push_back(std::move(turn->message));
    for (chat::Message& result : turn->results) messages.push_back(std::move(result));
  }
  return messages;
}

}  // namespace g4::api
