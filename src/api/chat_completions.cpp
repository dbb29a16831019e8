#include "api/chat_completions.h"

#include <fmt/format.h>

#include <cassert>

#include "chat/messages_json.h"

namespace g4::api {
namespace json = boost::json;
namespace {

constexpr std::int64_t kTopLogprobsMax = 20;

// What would change the answer and is not computed yet, by name.
void refuse_unsupported(Fields& fields) {
  fields.refuse({"tools", "functions"}, "tool calling is not part of this server yet");
  fields.refuse({"audio"}, "this model makes text only");
  fields.refuse({"web_search_options"}, "this server does not search the web");
  fields.refuse({"echo", "documents", "chat_template"}, "this server does not take it");
  if (const json::value* choice = fields.find("tool_choice");
      choice && *choice != "none" && *choice != "auto")
    fields.fail("tool_choice", "\"tool_choice\" is not supported: no tools can be given yet");
  if (const json::value* modalities = fields.find("modalities");
      modalities && *modalities != json::value(json::array{"text"}))
    fields.fail("modalities", "\"modalities\" other than [\"text\"] is not supported");
}

chat::ChatOptions read_options(Fields& fields) {
  chat::ChatOptions options;
  options.add_generation_prompt = fields.boolean("add_generation_prompt", true);
  options.continue_final = fields.boolean("continue_final_message", false);
  if (options.continue_final) options.add_generation_prompt = false;
  if (const json::value* extra = fields.find("chat_template_kwargs")) {
    if (!extra->is_object()) {
      fields.fail("chat_template_kwargs", "\"chat_template_kwargs\" should be an object");
      return options;
    }
    Fields inner(extra->get_object(), "chat_template_kwargs.");
    options.preserve_thinking = inner.boolean("preserve_thinking", false);
    inner.refuse({"enable_thinking"}, "thinking is not part of this server yet");
    if (inner.error()) fields.fail(*inner.error()->param, inner.error()->message);
  }
  if (const auto effort = fields.string("reasoning_effort"); effort && *effort != "none")
    fields.fail("reasoning_effort",
                "\"reasoning_effort\" other than \"none\" is not supported yet");
  return options;
}

// chat/ says "messages[2].content: why"; the part before the colon is the parameter.
ApiError from_chat(const Error& error) {
  const std::size_t colon = error.message.find(": ");
  if (colon == std::string::npos || error.message.rfind("messages", 0) != 0)
    return invalid("messages", error.message);
  return invalid(error.message.substr(0, colon), error.message);
}

// What this model does not perceive.
Status check_media(std::span<const chat::Message> messages, const ServedModel& model) {
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (const auto* parts = std::get_if<std::vector<chat::Part>>(&messages[i].content))
      for (const chat::Part& part : *parts) {
        const bool seen =
            part.kind == chat::Part::Kind::kImage || part.kind == chat::Part::Kind::kVideo;
        if (seen && !model.sees_images)
          return Error{fmt::format(
              "messages[{}].content: this model reads text only: it cannot see images or videos",
              i)};
        if (part.kind == chat::Part::Kind::kAudio)
          return Error{fmt::format(
              "messages[{}].content: this model does not hear: audio is not supported", i)};
      }
  return {};
}

}  // namespace

Parsed<Conversation> read_conversation(Fields& fields, const ServedModel& model) {
  refuse_unsupported(fields);
  const chat::ChatOptions options = read_options(fields);
  const json::value* value = fields.find("messages");
  if (!value) fields.fail("messages", "\"messages\" is required");
  if (fields.error()) return *fields.error();
  auto messages = chat::messages_from_json(*value, "messages");
  if (!messages) return from_chat(messages.error());
  if (const Status media = check_media(*messages, model); !media) return from_chat(media.error());
  auto media = read_media(fields, *messages);
  if (auto* error = std::get_if<ApiError>(&media)) return *error;
  put_media_first(*messages);
  auto rendered = chat::render(model.chat_template, *messages, {}, options);
  if (!rendered) return from_chat(rendered.error());
  return Conversation{*std::move(rendered), std::move(std::get<std::vector<RequestMedium>>(media))};
}

void ChatRequest::take(SeenConversation seen) {
  prompt.prompt = std::move(seen.prompt.tokens);
  prompt.images = std::move(seen.prompt.images);
  media_usage = std::move(seen.media_usage);
  conversation = {};
}

Parsed<ChatRequest> parse_chat(std::string_view body, const ServedModel& model,
                               const Tokenizer& tokenizer) {
  auto parsed = parse_object(body);
  if (auto* error = std::get_if<ApiError>(&parsed)) return *error;
  const json::object& object = std::get<json::object>(parsed);
  if (auto error = check_model(object, model)) return *error;

  Fields fields(object);
  ChatRequest request;
  read_generation(fields, model, tokenizer, request.prompt);
  auto most = fields.integer("max_tokens", 1, INT64_MAX);
  if (const auto newer = fields.integer("max_completion_tokens", 1, INT64_MAX)) most = newer;
  if (most) request.prompt.output_tokens_max = static_cast<std::uint64_t>(*most);
  const auto top = fields.integer("top_logprobs", 0, kTopLogprobsMax);
  if (fields.boolean("logprobs", false))
    request.prompt.sampling.logprobs = static_cast<std::uint32_t>(top.value_or(0));
  else if (top.value_or(0) > 0)
    fields.fail("top_logprobs", "\"top_logprobs\" needs \"logprobs\": true");
  static_cast<DeliveryFields&>(request) = read_delivery(fields);
  const auto keep = fields.integer("truncate_prompt_tokens", 1, INT64_MAX);

  auto read = read_conversation(fields, model);
  if (auto* error = std::get_if<ApiError>(&read)) return *error;
  request.conversation = std::move(std::get<Conversation>(read));
  if (!request.conversation.media.empty()) {
    if (keep) return invalid("truncate_prompt_tokens", "a prompt with images cannot be truncated");
    return request;
  }
  std::vector<TokenId>& ids = request.prompt.prompt;
  ids = chat::to_tokens(request.conversation.rendered, tokenizer);
  truncate_prompt(ids, keep,
                  begins_with_bos(ids, tokenizer) ? FirstToken::kKeep : FirstToken::kCut);
  return request;
}

ChatWriter::ChatWriter(const ChatRequest& request, const ServedModel& model,
                       const Tokenizer& tokenizer, std::string id, std::int64_t created)
    : request_(request),
      model_(model),
      tokenizer_(tokenizer),
      id_(std::move(id)),
      created_(created),
      states_(request.n) {}

json::object ChatWriter::head(std::string_view kind) const {
  json::object object;
  object["id"] = id_;
  object["object"] = kind;
  object["created"] = created_;
  object["model"] = model_.id;
  return object;
}

json::object ChatWriter::usage_of_all() const {
  std::uint64_t output = 0;
  for (const State& state : states_) output += state.output_tokens;
  json::object object = usage(request_.prompt.prompt.size(), output);
  if (!request_.media_usage.empty()) object["prompt_tokens_details"] = request_.media_usage;
  return object;
}

std::string ChatWriter::whole(std::span<const Choice> choices) {
  assert(choices.size() == states_.size());
  json::array list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Choice& choice = choices[i];
    states_[i].output_tokens = choice.finished->output_tokens;
    json::object message;
    message["role"] = "assistant";
    message["content"] = choice.text;
    message["refusal"] = nullptr;
    message["annotations"] = json::array();
    json::object object;
    object["index"] = i;
    object["message"] = std::move(message);
    object["logprobs"] = nullptr;
    if (wants_logprobs())
      object["logprobs"] = chat_logprobs(choice.tokens, tokenizer_, request_.spelling);
    object["finish_reason"] = finish_reason(*choice.finished);
    object["stop_reason"] = stop_reason(*choice.finished);
    if (request_.return_token_ids) {
      json::array ids;
      for (const SampledToken& token : choice.tokens) ids.emplace_back(token.id);
      object["token_ids"] = std::move(ids);
    }
    list.emplace_back(std::move(object));
  }
  json::object body = head("chat.completion");
  body["choices"] = std::move(list);
  body["usage"] = usage_of_all();
  if (request_.prompt.prompt_logprobs)
    body["prompt_logprobs"] = prompt_logprobs(choices.front().prompt_logprobs, tokenizer_);
  if (request_.return_token_ids)
    body["prompt_token_ids"] =
        json::array(request_.prompt.prompt.begin(), request_.prompt.prompt.end());
  return to_json(body);
}

std::string ChatWriter::chunk(std::size_t choice, json::object delta, json::object extra) {
  json::object object;
  object["index"] = choice;
  object["delta"] = std::move(delta);
  object["logprobs"] = nullptr;
  object["finish_reason"] = nullptr;
  for (auto& [key, value] : extra) object[key] = std::move(value);
  json::object body = head("chat.completion.chunk");
  body["choices"] = json::array{std::move(object)};
  if (request_.continuous_usage)
    body["usage"] = usage_of_all();
  else if (request_.include_usage)
    body["usage"] = nullptr;
  return to_json(body);
}

std::vector<std::string> ChatWriter::chunks(std::size_t choice, const ServiceEvent& event) {
  State& state = states_[choice];
  std::vector<std::string> list;
  if (!std::exchange(state.begun, true)) {
    json::object extra;
    if (request_.return_token_ids)
      extra["prompt_token_ids"] =
          json::array(request_.prompt.prompt.begin(), request_.prompt.prompt.end());
    list.push_back(chunk(choice, {{"role", "assistant"}, {"content", ""}}, std::move(extra)));
  }
  if (const auto* delta = std::get_if<TextDelta>(&event)) {
    state.output_tokens += delta->tokens.size();
    json::object extra;
    if (wants_logprobs())
      extra["logprobs"] = chat_logprobs(delta->tokens, tokenizer_, request_.spelling);
    if (request_.return_token_ids) {
      json::array ids;
      for (const SampledToken& token : delta->tokens) ids.emplace_back(token.id);
      extra["token_ids"] = std::move(ids);
    }
    if (!delta->text.empty() || !extra.empty())
      list.push_back(chunk(choice, {{"content", delta->text}}, std::move(extra)));
  } else if (const auto* finished = std::get_if<Finished>(&event)) {
    state.output_tokens = finished->output_tokens;
    list.push_back(chunk(
        choice, {},
        {{"finish_reason", finish_reason(*finished)}, {"stop_reason", stop_reason(*finished)}}));
  }
  return list;
}

std::vector<std::string> ChatWriter::last_chunks() {
  if (!request_.include_usage) return {};
  json::object body = head("chat.completion.chunk");
  body["choices"] = json::array();
  body["usage"] = usage_of_all();
  return {to_json(body)};
}

}  // namespace g4::api
