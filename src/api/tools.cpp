#include "api/tools.h"

#include <fmt/format.h>

#include <algorithm>

#include "chat/messages_json.h"

namespace g4::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kToolsMax = 1024;

// What a request calls its tools and its choice among them.
struct Words {
  std::string_view list, choice;
};
constexpr Words kToolWords = {"tools", "tool_choice"};
constexpr Words kFunctionWords = {"functions", "function_call"};

// The sentence begins with the place, as chat/messages_json.h writes it.
ApiError from_chat(const Error& error) {
  return invalid(error.message.substr(0, error.message.find(": ")), error.message);
}

std::string_view name_of(const json::value& named) {
  if (!named.is_object()) return {};
  const json::value* function = named.get_object().if_contains("function");
  const json::value* holder = function && function->is_object() ? function : &named;
  const json::value* name = holder->get_object().if_contains("name");
  return name && name->is_string() ? std::string_view(name->get_string()) : std::string_view();
}

// Leaves the tools of these names.
std::optional<ApiError> keep(const std::vector<std::string_view>& names, const Words& words,
                             std::vector<chat::Tool>& tools) {
  for (const std::string_view name : names)
    if (std::ranges::find(tools, name, &chat::Tool::name) == tools.end())
      return invalid(std::string(words.choice),
                     fmt::format("\"{}\" names \"{}\", which is not among \"{}\"", words.choice,
                                 name, words.list));
  std::erase_if(tools, [&](const chat::Tool& tool) {
    return std::ranges::find(names, std::string_view(tool.name)) == names.end();
  });
  return std::nullopt;
}

// {"type": "allowed_tools", "allowed_tools": {"mode", "tools": [...]}}
std::optional<ApiError> read_allowed(const json::object& choice, std::vector<chat::Tool>& tools,
                                     ToolUse& use) {
  const json::value* inner = choice.if_contains("allowed_tools");
  const json::object& allowed = inner && inner->is_object() ? inner->get_object() : choice;
  const json::value* mode = allowed.if_contains("mode");
  const json::value* list = allowed.if_contains("tools");
  if (!list || !list->is_array() || (mode && *mode != "auto" && *mode != "required"))
    return invalid("tool_choice",
                   "\"tool_choice\": allowed_tools needs \"tools\", and \"mode\" auto or required");
  if (mode && *mode == "required") use.choice = ToolUse::Choice::kRequired;
  std::vector<std::string_view> names;
  for (const json::value& named : list->get_array()) names.push_back(name_of(named));
  return keep(names, kToolWords, tools);
}

std::optional<ApiError> read_choice(Fields& fields, const Words& words,
                                    std::vector<chat::Tool>& tools, ToolUse& use) {
  const json::value* choice = fields.find(words.choice);
  if (!choice || *choice == "auto") return std::nullopt;
  if (*choice == "none") {
    tools.clear();
    return std::nullopt;
  }
  const std::string path(words.choice);
  if (tools.empty())
    return invalid(path,
                   fmt::format("\"{}\" asks for a call, but \"{}\" has none", path, words.list));
  if (*choice == "required") {
    use.choice = ToolUse::Choice::kRequired;
    return std::nullopt;
  }
  const json::object* object = choice->if_object();
  const json::value* type = object ? object->if_contains("type") : nullptr;
  if (type && *type == "allowed_tools") return read_allowed(*object, tools, use);
  const std::string_view name = name_of(*choice);
  if (name.empty())
    return invalid(path, fmt::format("\"{}\" should be none, auto, required, or name a function: "
                                     "{{\"type\": \"function\", \"function\": {{\"name\": ...}}}}",
                                     path));
  use.choice = ToolUse::Choice::kRequired;
  return keep({name}, words, tools);
}

Parsed<ToolUse> choose(Fields& fields, const Words& words, std::vector<chat::Tool> tools,
                       const ServedModel& model) {
  ToolUse use;
  use.parallel = fields.boolean("parallel_tool_calls", true);
  const std::string list(words.list);
  if (tools.size() > kToolsMax)
    return invalid(
        list, fmt::format("{} tools were given, at most {} are taken", tools.size(), kToolsMax));
  if (!tools.empty() && !chat::supports_tools(model.chat_template))
    return invalid(list, "this model's chat format has no tools");
  if (auto error = read_choice(fields, words, tools, use)) return *std::move(error);
  use.tools = std::move(tools);
  return use;
}

Parsed<ToolUse> read_functions(Fields& fields, const json::value& list, const ServedModel& model) {
  if (fields.find("tools"))
    return invalid("functions", "give \"tools\" or \"functions\", not both");
  if (!list.is_array())
    return invalid("functions", "\"functions\" should be an array of functions");
  std::vector<chat::Tool> tools;
  for (const json::value& item : list.get_array()) {
    const std::string path = fmt::format("functions[{}]", tools.size());
    if (!item.is_object()) return invalid(path, fmt::format("{}: must be an object", path));
    auto read = chat::function_from_json(item.get_object(), path);
    if (!read) return from_chat(read.error());
    tools.push_back(*std::move(read));
  }
  auto chosen = choose(fields, kFunctionWords, std::move(tools), model);
  if (auto* use = std::get_if<ToolUse>(&chosen)) {
    use->form = ToolUse::Form::kFunctions;
    use->parallel = false;
  }
  return chosen;
}

}  // namespace

Parsed<ToolUse> read_tools(Fields& fields, const ServedModel& model) {
  if (const json::value* functions = fields.find("functions"))
    return read_functions(fields, *functions, model);
  if (fields.find("function_call"))
    return invalid("function_call", "\"function_call\" needs \"functions\"");
  const json::value* value = fields.find("tools");
  auto tools = chat::tools_from_json(value ? *value : json::value(), "tools");
  if (!tools) return from_chat(tools.error());
  return choose_tools(fields, *std::move(tools), model);
}

Parsed<ToolUse> choose_tools(Fields& fields, std::vector<chat::Tool> tools,
                             const ServedModel& model) {
  return choose(fields, kToolWords, std::move(tools), model);
}

}  // namespace g4::api
