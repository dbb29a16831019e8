#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "api/response_items.h"
#include "api/responses.h"

namespace g4::api {
namespace json = boost::json;
namespace {

using Kind = AnswerBlock::Kind;

bool was_cut(const Finished& finished) {
  return finished.reason == Finished::Reason::kLength ||
         finished.reason == Finished::Reason::kRepetition;
}

constexpr std::string_view kServerError = "server_error";

// In the names of events.
std::string_view content_name(Kind kind) {
  switch (kind) {
    case Kind::kThought:
      return "reasoning_text";
    case Kind::kText:
      return "output_text";
    case Kind::kCall:
      break;
  }
  return "function_call_arguments";
}

std::string_view id_kind(Kind kind) {
  switch (kind) {
    case Kind::kThought:
      return "rs";
    case Kind::kText:
      return "msg";
    case Kind::kCall:
      break;
  }
  return "fc";
}

json::object usage_of(const ResponsesRequest& request, const Finished& finished) {
  const std::uint64_t prompt = request.prompt.prompt.size();
  json::object details{{"cached_tokens", 0}};
  for (const auto& [key, value] : request.media_usage) details[key] = value;
  json::object usage;
  usage["input_tokens"] = prompt;
  usage["input_tokens_details"] = std::move(details);
  usage["output_tokens"] = finished.output_tokens;
  usage["output_tokens_details"] = json::object{{"reasoning_tokens", finished.thought_tokens}};
  usage["total_tokens"] = prompt + finished.output_tokens;
  return usage;
}

}  // namespace

ResponsesWriter::ResponsesWriter(const ResponsesRequest& request, const ServedModel& model,
                                 const Tokenizer& tokenizer, std::string key, std::int64_t created)
    : request_(request),
      model_(model),
      tokenizer_(tokenizer),
      key_(std::move(key)),
      created_(created) {}

std::string_view ResponsesWriter::name(Status status) {
  switch (status) {
    case Status::kInProgress:
      return "in_progress";
    case Status::kCompleted:
      return "completed";
    case Status::kIncomplete:
      return "incomplete";
    case Status::kFailed:
      break;
  }
  return "failed";
}

json::array ResponsesWriter::logprobs(std::span<const SampledToken> tokens) const {
  if (!request_.prompt.sampling.logprobs) return {};
  return std::move(
      chat_logprobs(tokens, tokenizer_, TokenSpelling::kText).at("content").get_array());
}

// What a thought or a message holds.
json::object ResponsesWriter::part(const AnswerBlock& block) const {
  if (block.kind == Kind::kThought) return {{"type", "reasoning_text"}, {"text", block.text}};
  return {{"type", "output_text"},
          {"text", block.text},
          {"annotations", json::array()},
          {"logprobs", logprobs(block.tokens)}};
}

// With nothing in it yet: the members that every item of the block has.
json::object ResponsesWriter::item_head(const AnswerBlock& block, std::size_t index,
                                        Status status) const {
  json::object item;
  const std::string number = std::to_string(index);
  item["id"] = item_id(id_kind(block.kind), key_, number);
  item["status"] = name(status);
  if (block.kind == Kind::kCall) {
    item["type"] = "function_call";
    item["call_id"] = item_id("call", key_, number);
    item["name"] = block.name;
    item["arguments"] = "";
    return item;
  }
  item["content"] = json::array();
  if (block.kind == Kind::kText) {
    item["type"] = "message";
    item["role"] = "assistant";
  } else {
    item["type"] = "reasoning";
    item["summary"] = json::array();
  }
  return item;
}

json::object ResponsesWriter::item(const Choice& choice, std::size_t index) const {
  const AnswerBlock& block = choice.blocks[index];
  const bool stopped_within =
      block.kind == Kind::kCall
          ? block.cut
          : index + 1 == choice.blocks.size() && (!choice.finished || was_cut(*choice.finished));
  json::object item =
      item_head(block, index, stopped_within ? Status::kIncomplete : Status::kCompleted);
  if (block.kind == Kind::kCall) {
    item["arguments"] = block.text;
    return item;
  }
  item["content"] = json::array{part(block)};
  if (block.kind == Kind::kThought && request_.carries_thoughts)
    item["encrypted_content"] = carried_thought(block.text);
  return item;
}

json::object ResponsesWriter::response(const Choice& choice, Status status) const {
  json::object response = request_.echo;
  response["id"] = response_id(key_);
  response["object"] = "response";
  response["created_at"] = created_;
  response["completed_at"] = nullptr;
  response["status"] = name(status);
  response["model"] = model_.id;
  response["error"] = nullptr;
  response["incomplete_details"] = nullptr;
  if (status == Status::kIncomplete)
    response["incomplete_details"] = json::object{
        {"reason", choice.finished->reason == Finished::Reason::kRepetition ? "repetition"
                                                                            : "max_output_tokens"}};
  json::array output;
  for (std::size_t i = 0; i < choice.blocks.size(); ++i) output.push_back(item(choice, i));
  response["output"] = std::move(output);
  response["usage"] = nullptr;
  if (choice.finished) response["usage"] = usage_of(request_, *choice.finished);
  return response;
}

json::object ResponsesWriter::finished(const Choice& choice, std::int64_t now) {
  const bool cut = was_cut(*choice.finished);
  json::object object = response(choice, cut ? Status::kIncomplete : Status::kCompleted);
  if (!cut) object["completed_at"] = now;
  if (request_.store) {
    json::array input = request_.input;
    name_items(input, key_);
    to_store_ = ResponseToStore{response_id(key_),
                                to_json(object),
                                request_.earlier,
                                {to_json(input), to_json(object.at("output"))}};
  }
  return object;
}

std::string ResponsesWriter::whole(const Choice& choice, std::int64_t now) {
  return to_json(finished(choice, now));
}

StreamChunk ResponsesWriter::event(std::string_view type, json::object fields) {
  json::object body{{"type", type}, {"sequence_number", sequence_++}};
  for (auto& [key, value] : fields) body[key] = std::move(value);
  return {to_json(body), std::string(type)};
}

// Of the open block.
StreamChunk ResponsesWriter::block_event(std::string_view type, json::object fields) {
  const Kind kind = choice_.blocks[*open_].kind;
  json::object all{{"item_id", item_id(id_kind(kind), key_, std::to_string(*open_))},
                   {"output_index", *open_}};
  if (kind != Kind::kCall) all["content_index"] = 0;
  for (auto& [key, value] : fields) all[key] = std::move(value);
  return event(type, std::move(all));
}

std::vector<StreamChunk> ResponsesWriter::first_chunks() {
  const json::object begun = response(choice_, Status::kInProgress);
  std::vector<StreamChunk> list;
  for (const char* type : {"response.created", "response.in_progress"})
    list.push_back(event(type, {{"response", begun}}));
  return list;
}

std::vector<StreamChunk> ResponsesWriter::chunks(const ServiceEvent& event, std::int64_t now) {
  std::vector<StreamChunk> list;
  if (const auto* delta = std::get_if<ChatDelta>(&event)) {
    if (delta->token) choice_.add(*delta->token, delta->part);
    for (const chat::OutputEvent& output : delta->events) add(output, list);
  } else if (std::holds_alternative<Finished>(event)) {
    choice_.add(event);
    if (open_) end(list);
    json::object object = finished(choice_, now);
    const std::string type =
        fmt::format("response.{}", std::string_view(object.at("status").get_string()));
    list.push_back(this->event(type, {{"response", std::move(object)}}));
  }
  return list;
}

void ResponsesWriter::add(const chat::OutputEvent& output, std::vector<StreamChunk>& list) {
  const std::size_t blocks = choice_.blocks.size();
  choice_.add(output);
  if (choice_.blocks.size() > blocks) {
    if (open_) end(list);
    begin(list);
  }
  if (const auto* text = std::get_if<chat::TextDelta>(&output)) return tell(text->text, list);
  if (const auto* thought = std::get_if<chat::ThoughtDelta>(&output))
    return tell(thought->text, list);
  if (const auto* more = std::get_if<chat::ToolCallArguments>(&output))
    return tell(more->json, list);
  const auto* called = std::get_if<chat::ToolCallEnd>(&output);
  if (!called) return;
  if (called->completion.empty()) return end(list);
  tell(called->completion, list);
  open_.reset();  // without an end
}

void ResponsesWriter::begin(std::vector<StreamChunk>& list) {
  open_ = choice_.blocks.size() - 1;
  tokens_told_ = 0;
  const AnswerBlock& block = choice_.blocks.back();
  list.push_back(
      event("response.output_item.added",
            {{"output_index", *open_}, {"item", item_head(block, *open_, Status::kInProgress)}}));
  if (block.kind == Kind::kCall) return;
  list.push_back(
      block_event("response.content_part.added", {{"part", part({block.kind, {}, {}})}}));
}

void ResponsesWriter::tell(std::string_view text, std::vector<StreamChunk>& list) {
  const AnswerBlock& block = choice_.blocks[*open_];
  json::object fields{{"delta", text}};
  if (block.kind == Kind::kText) {
    fields["logprobs"] = logprobs(std::span(block.tokens).subspan(tokens_told_));
    tokens_told_ = block.tokens.size();
  }
  list.push_back(
      block_event(fmt::format("response.{}.delta", content_name(block.kind)), std::move(fields)));
}

void ResponsesWriter::end(std::vector<StreamChunk>& list) {
  const AnswerBlock& block = choice_.blocks[*open_];
  const std::string type = fmt::format("response.{}.done", content_name(block.kind));
  if (block.kind == Kind::kCall) {
    list.push_back(block_event(type, {{"name", block.name}, {"arguments", block.text}}));
  } else {
    json::object fields{{"text", block.text}};
    if (block.kind == Kind::kText) fields["logprobs"] = logprobs(block.tokens);
    list.push_back(block_event(type, std::move(fields)));
    list.push_back(block_event("response.content_part.done", {{"part", part(block)}}));
  }
  list.push_back(event("response.output_item.done",
                       {{"output_index", *open_}, {"item", item(choice_, *open_)}}));
  open_.reset();
}

// Some clients know the response that failed, others the error event, some of them by the object
// "error" of other dialects.
std::vector<StreamChunk> ResponsesWriter::failure(const ApiError& error) {
  json::object failed = response(choice_, Status::kFailed);
  failed["error"] = json::object{{"code", kServerError}, {"message", error.message}};
  json::object told{{"code", kServerError}, {"message", error.message}, {"param", nullptr}};
  told["error"] = json::object{{"message", error.message},
                               {"type", kServerError},
                               {"param", nullptr},
                               {"code", kServerError}};
  std::vector<StreamChunk> list;
  list.push_back(event("response.failed", {{"response", std::move(failed)}}));
  list.push_back(event("error", std::move(told)));
  return list;
}

}  // namespace g4::api
