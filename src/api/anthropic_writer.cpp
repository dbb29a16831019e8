#include <fmt/format.h>

#include <utility>

#include "api/anthropic.h"

namespace g4::api {
namespace json = boost::json;
using Kind = AnswerBlock::Kind;

namespace {

// Clients send a thought back only with a signature, and none of them reads it.
constexpr std::string_view kSignature = "Z2VtbWE0";

std::string_view type_of(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 402:
      return "billing_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 408:
    case 504:
      return "timeout_error";
    case 413:
      return "request_too_large";
    case 429:
      return "rate_limit_error";
    case 503:
    case 529:
      return "overloaded_error";
    default:
      return status >= 500 ? "api_error" : "invalid_request_error";
  }
}

// The name of an event is also its type.
StreamChunk event(std::string_view type, json::object fields = {}) {
  json::object object{{"type", type}};
  for (auto& [key, value] : fields) object[key] = std::move(value);
  return {to_json(object), std::string(type)};
}

json::object thought_block(std::string_view thought, std::string_view signature) {
  return {{"type", "thinking"}, {"thinking", thought}, {"signature", signature}};
}

}  // namespace

bool is_anthropic_path(std::string_view path) {
  constexpr std::string_view kRoot = "/v1/messages";
  return path == kRoot || (path.starts_with(kRoot) && path[kRoot.size()] == '/');
}

std::string anthropic_error_body(const ApiError& error, std::string_view request_id) {
  std::string message = error.message;
  if (error.param && message.find(*error.param) == std::string::npos)
    message = *error.param + ": " + message;
  json::object inner{{"type", type_of(error.status)}, {"message", std::move(message)}};
  if (!error.code.empty()) inner["details"] = json::object{{"error_code", error.code}};
  return to_json(
      json::object{{"type", "error"}, {"error", std::move(inner)}, {"request_id", request_id}});
}

StreamChunk anthropic_failure(const ApiError& error, std::string_view request_id) {
  return {anthropic_error_body(error, request_id), "error"};
}

MessagesWriter::MessagesWriter(const MessagesRequest& request, const ServedModel& model,
                               std::string id)
    : request_(request), model_(model), id_(std::move(id)) {}

json::object MessagesWriter::head() const {
  json::object object;
  object["id"] = "msg_" + id_;
  object["type"] = "message";
  object["role"] = "assistant";
  object["model"] = model_.id;
  return object;
}

// Nothing is kept of earlier prompts that would have to be told apart.
json::object MessagesWriter::usage(const Finished& finished) const {
  json::object object;
  object["input_tokens"] = request_.prompt.prompt.size();
  object["output_tokens"] = finished.output_tokens;
  object["cache_creation_input_tokens"] = 0;
  object["cache_read_input_tokens"] = 0;
  if (!request_.media_usage.empty()) object["input_tokens_details"] = request_.media_usage;
  if (finished.thought_tokens > 0)
    object["output_tokens_details"] = json::object{{"thinking_tokens", finished.thought_tokens}};
  return object;
}

json::object MessagesWriter::ending(const Finished& finished) const {
  json::object object{{"stop_reason", "end_turn"}, {"stop_sequence", nullptr}};
  if (finished.reason == Finished::Reason::kToolCalls) {
    object["stop_reason"] = "tool_use";
  } else if (finished.reason == Finished::Reason::kLength) {
    object["stop_reason"] = finished.output_tokens < request_.prompt.output_tokens_max
                                ? "model_context_window_exceeded"
                                : "max_tokens";
  } else if (finished.reason == Finished::Reason::kRepetition) {
    object["stop_reason"] = "repetition";  // not Anthropic's: they have no word for it
  } else if (finished.stop_string) {
    object["stop_reason"] = "stop_sequence";
    object["stop_sequence"] = *finished.stop_string;
  }
  return object;
}

std::string MessagesWriter::call_id(std::size_t call) const {
  return fmt::format("toolu_{}_{}", id_, call);
}

// The input of a call is JSON already, and stays as it was streamed.
std::string MessagesWriter::block_json(const AnswerBlock& block, std::size_t call) const {
  if (block.kind == Kind::kThought)
    return to_json(thought_block(request_.show_thoughts ? block.text : "", kSignature));
  if (block.kind == Kind::kText)
    return to_json(json::object{{"type", "text"}, {"text", block.text}});
  std::string object =
      to_json(json::object{{"type", "tool_use"}, {"id", call_id(call)}, {"name", block.name}});
  object.back() = ',';
  return object + "\"input\":" + (block.text.empty() ? "{}" : block.text) + "}";
}

std::string MessagesWriter::whole(const Choice& choice) const {
  std::string content;
  std::size_t calls = 0;
  for (const AnswerBlock& block : choice.blocks) {
    if (!content.empty()) content += ',';
    content += block_json(block, calls);
    calls += block.kind == Kind::kCall;
  }
  json::object object = head();
  for (auto& [key, value] : ending(*choice.finished)) object[key] = std::move(value);
  object["usage"] = usage(*choice.finished);
  std::string body = to_json(object);
  body.back() = ',';
  return body + "\"content\":[" + content + "]}";
}

std::vector<StreamChunk> MessagesWriter::first_chunks() const {
  json::object message = head();
  message["content"] = json::array();
  message["stop_reason"] = nullptr;
  message["stop_sequence"] = nullptr;
  message["usage"] = usage({});
  return {event("message_start", {{"message", std::move(message)}})};
}

std::vector<StreamChunk> MessagesWriter::chunks(const ServiceEvent& event) {
  std::vector<StreamChunk> list;
  if (const auto* delta = std::get_if<ChatDelta>(&event)) {
    for (const chat::OutputEvent& output : delta->events) add(output, list);
  } else if (const auto* finished = std::get_if<Finished>(&event)) {
    close(list);
    list.push_back(
        api::event("message_delta", {{"delta", ending(*finished)}, {"usage", usage(*finished)}}));
  }
  return list;
}

std::vector<StreamChunk> MessagesWriter::last_chunks() const { return {event("message_stop")}; }

void MessagesWriter::add(const chat::OutputEvent& output, std::vector<StreamChunk>& list) {
  const auto add_input = [&](const std::string& json) {
    if (!json.empty()) add_delta({{"type", "input_json_delta"}, {"partial_json", json}}, list);
  };
  if (const auto* text = std::get_if<chat::TextDelta>(&output)) {
    if (open_ != Kind::kText) open(Kind::kText, {{"type", "text"}, {"text", ""}}, list);
    add_delta({{"type", "text_delta"}, {"text", text->text}}, list);
  } else if (std::holds_alternative<chat::ThoughtBegin>(output)) {
    open(Kind::kThought, thought_block("", ""), list);
  } else if (const auto* thought = std::get_if<chat::ThoughtDelta>(&output)) {
    if (request_.show_thoughts)
      add_delta({{"type", "thinking_delta"}, {"thinking", thought->text}}, list);
  } else if (const auto* call = std::get_if<chat::ToolCallBegin>(&output)) {
    open(Kind::kCall,
         {{"type", "tool_use"},
          {"id", call_id(calls_++)},
          {"name", call->name},
          {"input", json::object()}},
         list);
  } else if (const auto* arguments = std::get_if<chat::ToolCallArguments>(&output)) {
    add_input(arguments->json);
  } else if (const auto* end = std::get_if<chat::ToolCallEnd>(&output)) {
    add_input(end->completion);
    close(list);
  } else {
    close(list);
  }
}

void MessagesWriter::open(Kind kind, json::object block, std::vector<StreamChunk>& list) {
  close(list);
  open_ = kind;
  list.push_back(
      event("content_block_start", {{"index", blocks_++}, {"content_block", std::move(block)}}));
  if (blocks_ == 1) list.push_back(event("ping"));
}

void MessagesWriter::close(std::vector<StreamChunk>& list) {
  if (!open_) return;
  if (open_ == Kind::kThought)
    add_delta({{"type", "signature_delta"}, {"signature", kSignature}}, list);
  list.push_back(event("content_block_stop", {{"index", blocks_ - 1}}));
  open_.reset();
}

// To the block that is open.
void MessagesWriter::add_delta(json::object delta, std::vector<StreamChunk>& list) const {
  list.push_back(
      event("content_block_delta", {{"index", blocks_ - 1}, {"delta", std::move(delta)}}));
}

}  // namespace g4::api
