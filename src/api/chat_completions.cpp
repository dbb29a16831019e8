#include "api/chat_completions.h"

#include <fmt/format.h>

#include <cassert>
#include <functional>
#include <utility>

#include "chat/messages_json.h"

namespace g4::api {
namespace json = boost::json;
namespace {

constexpr std::int64_t kTopLogprobsMax = 20;

// What would change the answer and is not computed yet, by name.
void refuse_unsupported(Fields& fields) {
  fields.refuse({"audio"}, "this model makes text only");
  fields.refuse({"web_search_options"}, "this server does not search the web");
  fields.refuse({"echo", "documents", "chat_template"}, "this server does not take it");
  if (const json::value* modalities = fields.find("modalities");
      modalities && *modalities != json::value(json::array{"text"}))
    fields.fail("modalities", "\"modalities\" other than [\"text\"] is not supported");
}

// "reasoning": {"effort", "max_tokens", "enabled", "exclude"}, as OpenRouter's clients say it.
void read_reasoning(Fields& fields, Thinking& thinking) {
  const json::value* value = fields.find("reasoning");
  if (!value) return;
  if (!value->is_object()) return fields.fail("reasoning", "\"reasoning\" should be an object");
  Fields inner(value->get_object(), "reasoning.");
  const Thinking effort = read_effort(inner, "effort");
  const auto most = inner.integer("max_tokens", 1, INT64_MAX);
  thinking.wanted |= inner.boolean("enabled", effort.wanted || most.has_value());
  if (most)
    thinking.tokens_max = static_cast<std::uint64_t>(*most);
  else if (effort.tokens_max)
    thinking.tokens_max = effort.tokens_max;
  if (inner.boolean("exclude", false)) thinking.shown = false;
  fields.take(inner);
}

// Any of the ways in which clients ask for thoughts.
Thinking read_wish_to_think(Fields& fields, const ServedModel& model) {
  Thinking thinking = read_thinking(fields, model);
  read_reasoning(fields, thinking);
  const Thinking effort = read_effort(fields, "reasoning_effort");
  thinking.wanted |= effort.wanted;
  if (!thinking.tokens_max) thinking.tokens_max = effort.tokens_max;
  if (const auto budget = fields.integer("thinking_token_budget", -1, INT64_MAX)) {
    thinking.tokens_max.reset();
    if (*budget >= 0) thinking.tokens_max = static_cast<std::uint64_t>(*budget);
  }
  return thinking;
}

// Options of the template and bounds of the thought.
Talk read_options(Fields& fields, const ServedModel& model) {
  Talk talk;
  chat::ChatOptions& options = talk.options;
  options.add_generation_prompt = fields.boolean("add_generation_prompt", true);
  options.continue_final = fields.boolean("continue_final_message", false);
  if (options.continue_final) options.add_generation_prompt = false;
  if (const json::value* extra = fields.find("chat_template_kwargs")) {
    if (!extra->is_object()) {
      fields.fail("chat_template_kwargs", "\"chat_template_kwargs\" should be an object");
      return talk;
    }
    Fields inner(extra->get_object(), "chat_template_kwargs.");
    options.preserve_thinking = inner.boolean("preserve_thinking", false);
    options.thinking = inner.boolean("enable_thinking", false);
    fields.take(inner);
  }
  const Thinking thinking = read_wish_to_think(fields, model);
  options.thinking |= thinking.wanted;
  talk.thought_tokens_max = thinking.tokens_max;
  talk.thoughts_shown = thinking.shown;
  check_thinking(fields, "reasoning_effort", options.thinking, model);
  return talk;
}

json::array ids_of(std::span<const SampledToken> tokens) {
  json::array ids;
  for (const SampledToken& token : tokens) ids.emplace_back(token.id);
  return ids;
}

}  // namespace

Parsed<Conversation> read_conversation(Fields& fields, const ServedModel& model,
                                       const Tokenizer& tokenizer) {
  refuse_unsupported(fields);
  Talk talk = read_options(fields, model);
  talk.list = "messages";
  talk.format = read_answer_format(fields);
  const json::value* value = fields.find("messages");
  if (!value) fields.fail("messages", "\"messages\" is required");
  if (fields.error()) return *fields.error();
  auto messages = chat::messages_from_json(*value, "messages");
  if (!messages) return from_chat(messages.error(), "messages");
  auto tools = read_tools(fields, model);
  if (auto* error = std::get_if<ApiError>(&tools)) return *error;
  talk.messages = *std::move(messages);
  talk.tool_use = std::move(std::get<ToolUse>(tools));
  fields.leave("messages", kChatMessages);
  fields.leave("tools", kChatTools);
  fields.leave("functions", kChatFunctions);
  fields.leave("tool_choice", kToolChoice);
  return to_conversation(fields, std::move(talk), model, tokenizer);
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
  auto& most = request.prompt.output_tokens_max;
  most = read_output_tokens_max(fields, "max_tokens", 1, most);
  most = read_output_tokens_max(fields, "max_completion_tokens", 1, most);
  const auto top = fields.integer("top_logprobs", 0, kTopLogprobsMax);
  if (fields.boolean("logprobs", false))
    request.prompt.sampling.logprobs = static_cast<std::uint32_t>(top.value_or(0));
  else if (top.value_or(0) > 0)
    fields.fail("top_logprobs", "\"top_logprobs\" needs \"logprobs\": true");
  static_cast<DeliveryFields&>(request) = read_delivery(fields);
  const auto keep = fields.integer("truncate_prompt_tokens", 1, INT64_MAX);

  request.prompt.repetition = read_repetition(fields, !request.prompt.ignore_eos);
  auto read = read_conversation(fields, model, tokenizer);
  if (auto* error = std::get_if<ApiError>(&read)) return *error;
  request.conversation = std::move(std::get<Conversation>(read));
  request.show_thoughts =
      fields.boolean("include_reasoning", true) && request.conversation.thinking.shown;
  if (fields.error()) return *fields.error();
  fields.leave({"model"});
  request.unread = fields.unread();
  request.call_form = request.conversation.tool_use.form;
  shape_answer(request.conversation, request.prompt);
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
  std::uint64_t output = 0, thought = 0;
  for (const State& state : states_) {
    output += state.output_tokens;
    thought += state.thought_tokens;
  }
  json::object object = usage(request_.prompt.prompt.size(), output);
  if (!request_.media_usage.empty()) object["prompt_tokens_details"] = request_.media_usage;
  if (thought > 0)
    object["completion_tokens_details"] = json::object{{"reasoning_tokens", thought}};
  return object;
}

std::string_view ChatWriter::finish(const Finished& finished) const {
  const bool called = finished.reason == Finished::Reason::kToolCalls;
  if (called && request_.call_form == ToolUse::Form::kFunctions) return "function_call";
  return finish_reason(finished);
}

std::string ChatWriter::call_id(std::size_t choice, std::size_t call) const {
  // At most 40 characters: OpenAI takes no longer ones when a conversation moves on to it.
  const std::size_t key = std::hash<std::string>()(fmt::format("{} {}", id_, created_));
  return fmt::format("call_{:016x}_{}_{}", key, choice, call);
}

// `message` gets what a client reads as the thought, by both names that clients know.
void ChatWriter::write_thought(std::string_view thought, json::object& message) const {
  if (!request_.show_thoughts) return;
  message["reasoning_content"] = thought;
  message["reasoning"] = thought;
}

json::object ChatWriter::message(std::size_t index, const Choice& choice) const {
  json::object message;
  message["role"] = "assistant";
  json::array calls;
  for (const AnswerBlock& block : choice.blocks)
    if (block.kind == AnswerBlock::Kind::kCall)
      calls.emplace_back(json::object{
          {"id", call_id(index, calls.size())},
          {"type", "function"},
          {"function", json::object{{"name", block.name}, {"arguments", block.text}}}});
  message["content"] = choice.text();
  if (message["content"] == "" && !calls.empty()) message["content"] = nullptr;
  message["refusal"] = nullptr;
  message["annotations"] = json::array();
  if (const std::string thought = choice.thought(); !thought.empty())
    write_thought(thought, message);
  if (calls.empty()) return message;
  if (request_.call_form == ToolUse::Form::kFunctions)
    message["function_call"] = calls.front().at("function");
  else
    message["tool_calls"] = std::move(calls);
  return message;
}

std::string ChatWriter::whole(std::span<const Choice> choices) {
  assert(choices.size() == states_.size());
  json::array list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    const Choice& choice = choices[i];
    states_[i].output_tokens = choice.finished->output_tokens;
    states_[i].thought_tokens = choice.finished->thought_tokens;
    json::object object;
    object["index"] = i;
    object["message"] = message(i, choice);
    object["logprobs"] = nullptr;
    if (wants_logprobs())
      object["logprobs"] = chat_logprobs(choice.text_tokens(), tokenizer_, request_.spelling);
    object["finish_reason"] = finish(*choice.finished);
    object["stop_reason"] = stop_reason(*choice.finished);
    if (request_.return_token_ids) object["token_ids"] = ids_of(choice.tokens);
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

// More of a call: a piece of its function, and at its beginning the call's other members.
json::object ChatWriter::call_delta(std::size_t index, json::object function,
                                    json::object head) const {
  if (request_.call_form == ToolUse::Form::kFunctions)
    return {{"function_call", std::move(function)}};
  head["index"] = index;
  head["function"] = std::move(function);
  return {{"tool_calls", json::array{std::move(head)}}};
}

// The delta of a message that an event stands for; empty if there is nothing to say.
json::object ChatWriter::delta_of(std::size_t choice, const chat::OutputEvent& event) const {
  if (const auto* text = std::get_if<chat::TextDelta>(&event)) return {{"content", text->text}};
  if (const auto* thought = std::get_if<chat::ThoughtDelta>(&event)) {
    json::object delta;
    write_thought(thought->text, delta);
    return delta;
  }
  if (const auto* begin = std::get_if<chat::ToolCallBegin>(&event))
    return call_delta(begin->index, {{"name", begin->name}, {"arguments", ""}},
                      {{"id", call_id(choice, begin->index)}, {"type", "function"}});
  if (const auto* more = std::get_if<chat::ToolCallArguments>(&event))
    return call_delta(more->index, {{"arguments", more->json}});
  if (const auto* end = std::get_if<chat::ToolCallEnd>(&event); end && !end->completion.empty())
    return call_delta(end->index, {{"arguments", end->completion}});
  return {};
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
    json::object extra = token_fields(delta->tokens, true);
    if (!delta->text.empty() || !extra.empty())
      list.push_back(chunk(choice, {{"content", delta->text}}, std::move(extra)));
  } else if (const auto* part = std::get_if<ChatDelta>(&event)) {
    add_chat_chunks(choice, *part, list);
  } else if (const auto* finished = std::get_if<Finished>(&event)) {
    state.output_tokens = finished->output_tokens;
    state.thought_tokens = finished->thought_tokens;
    list.push_back(
        chunk(choice, {},
              {{"finish_reason", finish(*finished)}, {"stop_reason", stop_reason(*finished)}}));
  }
  return list;
}

// What is said of tokens beside the delta that they complete.
json::object ChatWriter::token_fields(std::span<const SampledToken> tokens, bool of_text) const {
  json::object extra;
  if (tokens.empty()) return extra;
  if (wants_logprobs() && of_text)
    extra["logprobs"] = chat_logprobs(tokens, tokenizer_, request_.spelling);
  if (request_.return_token_ids) extra["token_ids"] = ids_of(tokens);
  return extra;
}

void ChatWriter::add_chat_chunks(std::size_t choice, const ChatDelta& part,
                                 std::vector<std::string>& list) {
  State& state = states_[choice];
  using Part = chat::OutputParser::Part;
  json::object extra;
  if (part.token) {
    ++state.output_tokens;
    if (part.part == Part::kThought) ++state.thought_tokens;
    extra = token_fields(std::span(&*part.token, 1), part.part == Part::kText);
  }
  for (const chat::OutputEvent& event : part.events) {
    json::object delta = delta_of(choice, event);
    if (delta.empty()) continue;
    list.push_back(chunk(choice, std::move(delta), std::exchange(extra, {})));
  }
  if (!extra.empty()) list.push_back(chunk(choice, {}, std::move(extra)));
}

std::vector<std::string> ChatWriter::last_chunks() {
  if (!request_.include_usage) return {};
  json::object body = head("chat.completion.chunk");
  body["choices"] = json::array();
  body["usage"] = usage_of_all();
  return {to_json(body)};
}

}  // namespace g4::api
