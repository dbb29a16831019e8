#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/response_items.h"
#include "api/responses.h"
#include "chat/json_members.h"
#include "chat/messages_json.h"

namespace g4::api {
namespace json = boost::json;
namespace {

constexpr std::int64_t kTopLogprobsMax = 20;
constexpr std::size_t kMetadataMax = 16;

// What would change the answer and is not computed here, by name.
void refuse_unsupported(Fields& fields) {
  fields.refuse({"background"}, "responses are made while the client waits");
  fields.refuse({"conversation"}, "go on from \"previous_response_id\" or send all items");
  fields.refuse({"prompt"}, "this server stores no prompts");
  fields.refuse({"prompt_logprobs"}, "this API has no place for it");
}

// The object at `key`; an empty one, and perhaps an error, if there is none.
const json::object& object_at(Fields& fields, std::string_view key) {
  static const json::object kNone;
  const json::value* value = fields.find(key);
  if (!value) return kNone;
  if (value->is_object()) return value->get_object();
  fields.fail(key, fmt::format("\"{}\" should be an object", fields.path(key)));
  return kNone;
}

// Members that the answer repeats as they came, or null.
void echo_as_given(Fields& fields, std::initializer_list<std::string_view> keys,
                   json::object& echo) {
  for (const std::string_view key : keys) {
    const json::value* value = fields.find(key);
    echo[key] = value ? *value : json::value();
  }
}

void read_metadata(Fields& fields, json::object& echo) {
  const json::object& metadata = object_at(fields, "metadata");
  if (metadata.size() > kMetadataMax)
    fields.fail("metadata", fmt::format("\"metadata\" holds at most {} texts", kMetadataMax));
  for (const auto& [key, value] : metadata)
    if (!value.is_string()) fields.fail("metadata", "\"metadata\" should hold texts only");
  echo["metadata"] = metadata;
}

// {"format": {"type": "json_schema", "name", "schema", "strict"}, "verbosity"}
AnswerFormat read_format(Fields& fields, json::object& echo) {
  Fields text(object_at(fields, "text"), "text.");
  json::object shown = object_at(text, "format");
  if (!shown.contains("type")) shown["type"] = "text";
  Fields format(shown, "text.format.");
  AnswerFormat found = read_typed_format(format, "");
  fields.take(format);
  const std::string verbosity = text.string("verbosity").value_or("medium");
  fields.take(text);
  echo["text"] = json::object{{"format", std::move(shown)}, {"verbosity", verbosity}};
  return found;
}

Thinking read_reasoning(Fields& fields, const ServedModel& model, json::object& echo) {
  Fields reasoning(object_at(fields, "reasoning"), "reasoning.");
  const Thinking thinking = read_effort(reasoning, "effort");
  check_thinking(reasoning, "effort", thinking.wanted, model);
  fields.take(reasoning);
  const json::value* effort = reasoning.find("effort");
  echo["reasoning"] =
      json::object{{"effort", effort ? *effort : json::value()}, {"summary", nullptr}};
  return thinking;
}

void read_include(Fields& fields, ResponsesRequest& request) {
  const auto top = fields.integer("top_logprobs", 0, kTopLogprobsMax);
  request.echo["top_logprobs"] = top.value_or(0);
  for (const std::string& what : fields.strings("include", 64)) {
    if (what == "reasoning.encrypted_content") request.carries_thoughts = true;
    if (what == "message.output_text.logprobs")
      request.prompt.sampling.logprobs = static_cast<std::uint32_t>(top.value_or(0));
  }
}

// Function tools; others are run by OpenAI's servers or by clients that know this one has none.
Parsed<ToolUse> read_flat_tools(Fields& fields, const ServedModel& model,
                                ResponsesRequest& request) {
  std::vector<chat::Tool> tools;
  json::array echo;
  const json::value* value = fields.find("tools");
  if (value && !value->is_array()) return invalid("tools", "\"tools\" should be an array of tools");
  for (std::size_t i = 0; value && i < value->get_array().size(); ++i) {
    const std::string path = fmt::format("tools[{}]", i);
    const json::object* tool = value->get_array()[i].if_object();
    if (!tool) return invalid(path, fmt::format("{}: must be an object", path));
    Fields members(*tool, path + ".");
    const std::string type = members.string("type").value_or("function");
    if (members.error()) return *members.error();
    if (type != "function") {
      request.skipped_tools.push_back(type);
      continue;
    }
    auto read = chat::function_from_json(*tool, path);
    if (!read) return from_chat(read.error(), path);
    tools.push_back(*std::move(read));
    json::object& shown = echo.emplace_back(json::object{{"type", "function"}}).get_object();
    echo_as_given(members, {"name", "description", "parameters", "strict"}, shown);
    members.leave({"response"});
    fields.take(members);
  }
  request.echo["tools"] = std::move(echo);
  const json::value* choice = fields.find("tool_choice");
  request.echo["tool_choice"] = choice ? *choice : json::value("auto");
  return choose_tools(fields, std::move(tools), model);
}

// The place is what stands before the first colon.
ApiError from_items(const Error& error) {
  return invalid(error.message.substr(0, error.message.find(": ")), error.message);
}

// The items of the conversation, of earlier turns first.
Parsed<ItemReader> read_items(Fields& fields, const FindResponse& find, ResponsesRequest& request) {
  ItemReader items;
  const auto previous = fields.string("previous_response_id");
  if (previous) {
    const auto found = find(*previous);
    if (!found) {
      ApiError error = no_such_response(*previous);
      return ApiError{400, std::move(error.message), "previous_response_id",
                      "previous_response_not_found"};
    }
    request.earlier = found->earlier;
    request.earlier.push_back(found->turn);
  }
  for (const auto& turn : request.earlier)
    for (const std::string* part : {&turn->input, &turn->output})
      if (const Status added = items.add(chat::json_members::read_json(*part).value().get_array(),
                                         "previous_response_id");
          !added)
        return from_items(added.error());
  const json::value* input = fields.find("input");
  if (!input) return invalid("input", "\"input\" is required: a text or an array of items");
  auto plain = plain_items(*input, find);
  if (!plain) return from_items(plain.error());
  request.input = *std::move(plain);
  if (const Status added = items.add(request.input, "input"); !added)
    return from_items(added.error());
  return items;
}

// Sampling, limits, delivery, and what the answer repeats of them.
void read_settings(Fields& fields, const ServedModel& model, const Tokenizer& tokenizer,
                   ResponsesRequest& request) {
  GenerateRequest& prompt = request.prompt;
  read_generation(fields, model, tokenizer, prompt);
  if (const auto most = fields.integer("max_output_tokens", 1, INT64_MAX))
    prompt.output_tokens_max = static_cast<std::uint64_t>(*most);
  fields.integer("max_tool_calls", 0, INT64_MAX);  // of tools that OpenAI runs
  read_include(fields, request);
  request.stream = fields.boolean("stream", false);
  request.store = fields.boolean("store", true);
  prompt.repetition = read_repetition(fields, !prompt.ignore_eos);
  read_metadata(fields, request.echo);
  for (const std::string_view key : {"user", "safety_identifier", "prompt_cache_key"})
    fields.string(key);

  json::object& echo = request.echo;
  echo_as_given(fields,
                {"instructions", "max_output_tokens", "max_tool_calls", "previous_response_id",
                 "prompt_cache_key", "safety_identifier", "user"},
                echo);
  echo["background"] = false;
  echo["service_tier"] = "default";
  echo["store"] = request.store;
  echo["temperature"] = as_written(prompt.sampling.temperature);
  echo["top_p"] = as_written(prompt.sampling.top_p);
  echo["presence_penalty"] = as_written(prompt.sampling.presence_penalty);
  echo["frequency_penalty"] = as_written(prompt.sampling.frequency_penalty);
  echo["parallel_tool_calls"] = fields.boolean("parallel_tool_calls", true);
}

bool has_media(const std::vector<chat::Message>& messages) {
  return std::ranges::any_of(messages, [](const chat::Message& message) {
    const auto* parts = std::get_if<std::vector<chat::Part>>(&message.content);
    return parts && std::ranges::any_of(*parts, [](const chat::Part& part) {
             return part.kind != chat::Part::Kind::kText;
           });
  });
}

// "truncation": "auto": leaves out what was said before one of the user's messages, as little as
// makes room for the answer. Conversations with images and videos stay whole: what those take is
// known when they have been looked at.
Talk truncated(Fields& fields, Talk talk, const ServedModel& model, const Tokenizer& tokenizer,
               std::uint64_t room) {
  if (has_media(talk.messages)) return talk;
  std::vector<std::ptrdiff_t> cuts;  // where the rest may begin
  for (std::size_t i = 0; i < talk.messages.size(); ++i)
    if (talk.messages[i].role == chat::Role::kUser) cuts.push_back(static_cast<std::ptrdiff_t>(i));
  const auto from = [&](std::ptrdiff_t cut) {
    Talk rest = talk;
    const bool instructed = rest.messages.front().role == chat::Role::kSystem;
    rest.messages.erase(rest.messages.begin() + instructed, rest.messages.begin() + cut);
    return rest;
  };
  const auto is_too_long = [&](const Talk& rest) {
    const auto conversation = to_conversation(fields, rest, model, tokenizer);
    const auto* found = std::get_if<Conversation>(&conversation);
    return found && chat::to_tokens(found->rendered, tokenizer).size() > room;
  };
  if (cuts.empty() || !is_too_long(talk)) return talk;
  const auto fits = std::partition_point(
      cuts.begin(), cuts.end(), [&](std::ptrdiff_t cut) { return is_too_long(from(cut)); });
  return from(fits == cuts.end() ? cuts.back() : *fits);
}

Parsed<Talk> read_talk(Fields& fields, const ServedModel& model, const FindResponse& find,
                       ResponsesRequest& request) {
  Talk talk;
  talk.list = "input";
  const Thinking thinking = read_reasoning(fields, model, request.echo);
  talk.options.thinking = thinking.wanted;
  talk.thought_tokens_max = thinking.tokens_max;
  talk.format = read_format(fields, request.echo);
  const auto instructions = fields.string("instructions");
  auto tools = read_flat_tools(fields, model, request);
  if (auto* error = std::get_if<ApiError>(&tools)) return *std::move(error);
  talk.tool_use = std::move(std::get<ToolUse>(tools));
  auto items = read_items(fields, find, request);
  if (auto* error = std::get_if<ApiError>(&items)) return *std::move(error);
  talk.messages = std::move(std::get<ItemReader>(items)).take(instructions.value_or(""));
  if (talk.messages.empty()) return invalid("input", "\"input\" holds nothing to answer");
  return talk;
}

}  // namespace

Parsed<ResponsesRequest> parse_responses(std::string_view body, const ServedModel& model,
                                         const Tokenizer& tokenizer, const FindResponse& find) {
  auto parsed = parse_object(body);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *std::move(error);
  const json::object& object = std::get<json::object>(parsed);
  if (auto error = check_model(object, model)) return *std::move(error);

  Fields fields(object);
  ResponsesRequest request;
  refuse_unsupported(fields);
  read_settings(fields, model, tokenizer, request);
  const std::string truncation = fields.string("truncation").value_or("disabled");
  if (truncation != "disabled" && truncation != "auto")
    fields.fail("truncation", "\"truncation\" should be auto or disabled");
  request.echo["truncation"] = truncation;
  if (fields.error()) return *fields.error();

  auto read = read_talk(fields, model, find, request);
  if (fields.error()) return *fields.error();
  if (auto* error = std::get_if<ApiError>(&read)) return *std::move(error);
  Talk& talk = std::get<Talk>(read);
  request.prompt.fit_output = true;
  if (truncation == "auto") {
    // Many clients name a maximum that no context has room for beside a prompt.
    const std::uint64_t answer =
        std::min(request.prompt.output_tokens_max.value_or(1), model.context_tokens_max / 4);
    talk = truncated(fields, std::move(talk), model, tokenizer, model.context_tokens_max - answer);
  }
  if (!request.store) request.input = {};
  auto conversation = to_conversation(fields, std::move(talk), model, tokenizer);
  if (auto* error = std::get_if<ApiError>(&conversation)) return *std::move(error);
  request.conversation = std::move(std::get<Conversation>(conversation));
  fields.leave({"model"});
  fields.leave("input", kResponseItems);
  fields.leave("tool_choice", kToolChoice);
  request.unread = fields.unread();
  shape_answer(request.conversation, request.prompt);
  if (request.conversation.media.empty())
    request.prompt.prompt = chat::to_tokens(request.conversation.rendered, tokenizer);
  return request;
}

std::string input_tokens(const ResponsesRequest& request) {
  return to_json(json::object{{"object", "response.input_tokens"},
                              {"input_tokens", request.prompt.prompt.size()}});
}

}  // namespace g4::api
