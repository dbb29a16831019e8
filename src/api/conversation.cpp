#include "api/conversation.h"

#include <fmt/format.h>

#include <utility>

#include "api/declared_schema.h"

namespace g4::api {
namespace json = boost::json;
namespace {

// What this model does not perceive.
Status check_media(std::span<const chat::Message> messages, const ServedModel& model) {
  for (const chat::Message& message : messages)
    if (const auto* parts = std::get_if<std::vector<chat::Part>>(&message.content))
      for (const chat::Part& part : *parts) {
        const bool seen =
            part.kind == chat::Part::Kind::kImage || part.kind == chat::Part::Kind::kVideo;
        if (seen && !model.sees_images)
          return Error{fmt::format("{}: this model reads text only: it cannot see images or videos",
                                   part.media.part)};
        if (part.kind == chat::Part::Kind::kAudio)
          return Error{
              fmt::format("{}: this model does not hear: audio is not supported", part.media.part)};
      }
  return {};
}

std::vector<chat::Tool> declared(const SharedList<chat::Tool>& tools) {
  std::vector<chat::Tool> declared(tools.begin(), tools.end());
  for (chat::Tool& tool : declared) tool.parameters = declared_schema(tool.parameters);
  return declared;
}

bool says_something(const chat::Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) return !text->empty();
  const auto* parts = std::get_if<std::vector<chat::Part>>(&content);
  return parts && !parts->empty();
}

// Makes two messages of one with words and calls: of one the template would write the words behind
// the results, where nobody said them, and close the turn in which the model is to go on. Words
// beside Gemma's own form of results are the answer to them and stay.
void speak_before_calling(std::vector<chat::Message>& messages) {
  std::vector<chat::Message> spoken;
  for (chat::Message& message : messages) {
    if (!message.tool_calls.empty() && message.tool_responses.empty() &&
        says_something(message.content)) {
      chat::Message& words = spoken.emplace_back();
      words.role = message.role;
      words.reasoning = std::exchange(message.reasoning, {});
      words.content = std::exchange(message.content, {});
    }
    spoken.push_back(std::move(message));
  }
  messages = std::move(spoken);
}

}  // namespace

void ConversationRequest::take(SeenConversation seen) {
  prompt.prompt = std::move(seen.prompt.tokens);
  prompt.images = std::move(seen.prompt.images);
  media_usage = std::move(seen.media_usage);
  conversation = {};
}

void ConversationRequest::take(CompiledGrammars compiled) {
  prompt.form.answer = std::move(compiled.answer);
  prompt.form.calls = std::move(compiled.calls);
  conversation.grammars = {};
}

Parsed<Conversation> to_conversation(Fields& fields, Talk talk, const ServedModel& model,
                                     const Tokenizer& tokenizer) {
  auto grammars = write_grammars(talk.format, talk.tool_use, tokenizer);
  if (auto* error = std::get_if<ApiError>(&grammars)) return *std::move(error);
  tell_format(talk.format, talk.messages);
  speak_before_calling(talk.messages);
  if (const Status media = check_media(talk.messages, model); !media)
    return from_chat(media.error(), talk.list);
  auto media = read_media(fields, talk.messages);
  if (auto* error = std::get_if<ApiError>(&media)) return *error;
  put_media_first(talk.messages);
  auto rendered =
      chat::render(model.chat_template, talk.messages, declared(talk.tool_use.tools), talk.options);
  if (!rendered) return from_chat(rendered.error(), talk.list);
  return Conversation{*std::move(rendered),
                      std::move(std::get<std::vector<RequestMedium>>(media)),
                      std::move(talk.tool_use),
                      std::move(talk.list),
                      {talk.options.thinking, talk.thought_tokens_max, talk.thoughts_shown},
                      std::move(std::get<AnswerGrammars>(grammars))};
}

void shape_answer(const Conversation& conversation, GenerateRequest& prompt) {
  const ToolUse& use = conversation.tool_use;
  // With special tokens shown the answer is raw text.
  if (prompt.skip_special_tokens)
    prompt.chat = ChatFormat{use.tools, !use.parallel, conversation.grammars.of_text};
  prompt.form.may_think = conversation.thinking.wanted;
  prompt.form.thought_tokens_max = conversation.thinking.tokens_max;
}

Thinking read_effort(Fields& fields, std::string_view key) {
  const auto effort = fields.string(key);
  if (!effort || *effort == "none") return {};
  if (*effort == "minimal") return {true, 256};
  if (*effort == "low") return {true, 1'024};
  if (*effort == "medium") return {true, 8'192};
  if (*effort != "high" && *effort != "xhigh" && *effort != "max")
    fields.fail(key, fmt::format("\"{}\" is \"{}\", expected none, minimal, low, medium, high, "
                                 "xhigh or max",
                                 fields.path(key), *effort));
  return {true, std::nullopt};
}

Thinking read_thinking(Fields& fields, const ServedModel& model) {
  Thinking thinking;
  const json::value* value = fields.find("thinking");
  if (!value) return thinking;
  if (!value->is_object()) {
    fields.fail("thinking", "\"thinking\" should be an object");
    return thinking;
  }
  Fields inner(value->get_object(), "thinking.");
  const std::string type = inner.string("type").value_or("");
  if (type == "adaptive") {
    thinking.wanted = chat::supports_thinking(model.chat_template);
  } else if (type == "enabled") {
    thinking.wanted = true;
    if (const auto budget = inner.integer("budget_tokens", 1, INT64_MAX))
      thinking.tokens_max = static_cast<std::uint64_t>(*budget);
  } else if (type != "disabled") {
    inner.fail("type", "\"thinking.type\" should be enabled, adaptive or disabled");
  }
  thinking.shown = inner.string("display").value_or("") != "omitted";
  fields.take(inner);
  return thinking;
}

void check_thinking(Fields& fields, std::string_view key, bool wanted, const ServedModel& model) {
  if (wanted && !chat::supports_thinking(model.chat_template))
    fields.fail(key, "this model does not think before it answers");
}

ApiError from_chat(const Error& error, std::string_view list) {
  const std::size_t colon = error.message.find(": ");
  if (colon == std::string::npos || !error.message.starts_with(list))
    return invalid(std::string(list), error.message);
  return invalid(error.message.substr(0, colon), error.message);
}

}  // namespace g4::api
