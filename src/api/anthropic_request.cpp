#include <fmt/format.h>

#include <utility>

#include "api/anthropic.h"
#include "api/anthropic_content.h"

namespace g4::api {
namespace {

namespace json = boost::json;

// Says what Anthropic's choice says as chat does.
Parsed<ToolUse> read_tool_use(Fields& fields, const json::object& request,
                              const ServedModel& model) {
  auto tools = read_anthropic_tools(request);
  if (!tools) return from_chat(tools.error(), "tools");
  json::object choice;
  if (const json::value* value = fields.find("tool_choice")) {
    if (!value->is_object()) return invalid("tool_choice", "\"tool_choice\" should be an object");
    Fields inner(value->get_object(), "tool_choice.");
    const std::string type = inner.string("type").value_or("");
    const std::string name = inner.string("name").value_or("");
    choice["parallel_tool_calls"] = !inner.boolean("disable_parallel_tool_use", false);
    if (type == "auto" || type == "none")
      choice["tool_choice"] = type;
    else if (type == "any")
      choice["tool_choice"] = "required";
    else if (type == "tool" && !name.empty())
      choice["tool_choice"] = json::object{{"type", "function"}, {"name", name}};
    else if (type == "tool")
      inner.fail("name", "\"tool_choice.name\" should name a tool");
    else
      inner.fail("type", "\"tool_choice.type\" should be auto, any, tool or none");
    fields.take(inner);
    if (inner.error()) return *inner.error();
  }
  Fields chosen(choice);
  return choose_tools(chosen, *std::move(tools), model);
}

struct OutputConfig {
  AnswerFormat format;
  std::optional<std::uint64_t> thought_tokens_max;
};

// "output_config": {"format": {"type": "json_schema", "schema"}, "effort"}
OutputConfig read_output_config(Fields& fields) {
  fields.refuse({"output_format"}, "use \"output_config\" instead");
  OutputConfig found;
  const json::value* config = fields.find("output_config");
  if (!config) return found;
  if (!config->is_object()) {
    fields.fail("output_config", "\"output_config\" should be an object");
    return found;
  }
  Fields inner(config->get_object(), "output_config.");
  found.thought_tokens_max = read_effort(inner, "effort").tokens_max;
  if (const json::value* format = inner.find("format"); format && format->is_object()) {
    Fields said(format->get_object(), "output_config.format.");
    found.format = read_typed_format(said, "");
    inner.take(said);
  } else if (format) {
    inner.fail("format", "\"output_config.format\" should be an object");
  }
  fields.take(inner);
  return found;
}

Parsed<Conversation> read_conversation(Fields& fields, const json::object& request,
                                       const Thinking& thinking, const ServedModel& model,
                                       const Tokenizer& tokenizer) {
  fields.refuse({"mcp_servers"}, "this server calls no other servers");
  OutputConfig config = read_output_config(fields);
  if (fields.error()) return *fields.error();
  auto talk = read_anthropic_talk(request);
  if (!talk)
    return from_chat(talk.error(),
                     talk.error().message.starts_with("system") ? "system" : "messages");
  auto tools = read_tool_use(fields, request, model);
  if (auto* error = std::get_if<ApiError>(&tools)) return *error;
  chat::ChatOptions options;
  options.thinking = thinking.wanted;
  options.continue_final = talk->continues;
  options.add_generation_prompt = !talk->continues;
  return to_conversation(
      fields,
      {"messages", std::move(talk->messages), std::move(std::get<ToolUse>(tools)), options,
       thinking.tokens_max ? thinking.tokens_max : config.thought_tokens_max,
       std::move(config.format)},
      model, tokenizer);
}

// Threads would be kept here between requests. Clients that try them send the whole conversation
// when they are told by this code.
std::optional<ApiError> refuse_thread(const json::object& request) {
  const json::value* thread = request.if_contains("thread");
  if (!thread || thread->is_null()) return std::nullopt;
  ApiError error = invalid("thread", "\"thread\" is not supported: send the whole conversation");
  error.code = "thread_unsupported_request";
  return error;
}

// The body, if it can be meant for this server.
Parsed<json::object> read_body(std::string_view body, const ServedModel& model) {
  auto parsed = parse_object(body);
  if (const auto* object = std::get_if<json::object>(&parsed)) {
    if (auto error = check_model(*object, model)) return *error;
    if (auto error = refuse_thread(*object)) return *error;
  }
  return parsed;
}

// The conversation of a request whose other fields are read.
std::optional<ApiError> take_conversation(Parsed<Conversation> read, const Tokenizer& tokenizer,
                                          ConversationRequest& request) {
  if (auto* error = std::get_if<ApiError>(&read)) return *error;
  request.conversation = std::move(std::get<Conversation>(read));
  if (request.conversation.media.empty())
    request.prompt.prompt = chat::to_tokens(request.conversation.rendered, tokenizer);
  return std::nullopt;
}

}  // namespace

Parsed<MessagesRequest> parse_messages(std::string_view body, const ServedModel& model,
                                       const Tokenizer& tokenizer) {
  auto parsed = read_body(body, model);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  const json::object& object = std::get<json::object>(parsed);
  Fields fields(object);
  MessagesRequest request;
  GenerateRequest& prompt = request.prompt;
  const auto most = fields.integer("max_tokens", 1, INT64_MAX);
  if (!most) fields.fail("max_tokens", "\"max_tokens\" is required");
  prompt.output_tokens_max = static_cast<std::uint64_t>(most.value_or(1));
  prompt.fit_output = true;
  prompt.sampling = read_sampling(fields, model, tokenizer);
  prompt.stop = read_stop_strings(fields, "stop_sequences");
  request.stream = fields.boolean("stream", false);
  const Thinking thinking = read_thinking(fields, model);
  request.show_thoughts = thinking.shown;
  prompt.repetition = read_repetition(fields, true);
  check_thinking(fields, "thinking", thinking.wanted, model);
  if (auto error = take_conversation(read_conversation(fields, object, thinking, model, tokenizer),
                                     tokenizer, request))
    return *error;
  shape_answer(request.conversation, prompt);
  fields.leave({"model", "thread"});
  fields.leave("system", kAnthropicBlocks);
  fields.leave("messages", kAnthropicMessages);
  fields.leave("tools", kAnthropicTools);
  request.unread = fields.unread();
  return request;
}

Parsed<ConversationRequest> parse_count_tokens(std::string_view body, const ServedModel& model,
                                               const Tokenizer& tokenizer) {
  auto parsed = read_body(body, model);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  const json::object& object = std::get<json::object>(parsed);
  Fields fields(object);
  ConversationRequest request;
  const Thinking thinking = read_thinking(fields, model);
  check_thinking(fields, "thinking", thinking.wanted, model);
  if (auto error = take_conversation(read_conversation(fields, object, thinking, model, tokenizer),
                                     tokenizer, request))
    return *error;
  return request;
}

std::string count_tokens_answer(const ConversationRequest& request) {
  return to_json(json::object{{"input_tokens", request.prompt.prompt.size()}});
}

}  // namespace g4::api
