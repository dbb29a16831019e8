// Bodies of POST /v1/messages: parsed or refused by name, never a crash; what was parsed can be
// answered, and gone on from with the results of the answer's calls.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "api/anthropic.h"
#include "api/test_chat.h"
#include "chat/json_members.h"

namespace {

using namespace g4;
namespace json = boost::json;

void check(bool holds) {
  if (!holds) std::abort();
}

json::value answer_to(const api::MessagesRequest& request, const api::ServedModel& model) {
  api::Choice choice;
  choice.add(chat::ThoughtBegin{});
  choice.add(chat::ThoughtDelta{"hm"});
  choice.add(chat::TextDelta{"Let me see."});
  choice.add(chat::ToolCallBegin{0, "f"});
  choice.add(chat::ToolCallArguments{0, R"({"a": [1.5e300, "\u2028"]})"});
  choice.finished.emplace().reason = Finished::Reason::kToolCalls;
  return json::parse(api::MessagesWriter(request, model, "key").whole(choice));
}

void go_on(std::string_view body, const api::MessagesRequest& request,
           const api::ServedModel& model) {
  const json::value answer = answer_to(request, model);
  json::object next = chat::json_members::read_json(body).value().as_object();
  json::array& messages = next.at("messages").as_array();
  messages.push_back({{"role", "assistant"}, {"content", answer.at("content")}});
  messages.push_back(json::parse(R"({"role": "user", "content": [
      {"type": "tool_result", "tool_use_id": "toolu_key_0", "content": "done"}]})"));
  check(std::holds_alternative<api::MessagesRequest>(
      api::parse_messages(json::serialize(next), model, api::chat_tokenizer())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The body at the exact end of an allocation, so that a read past it is seen.
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const std::string_view body(copy.get(), size);
  api::ServedModel model = api::chat_model();
  model.sees_images = true;
  const auto parsed = api::parse_messages(body, model, api::chat_tokenizer());
  if (const auto* error = std::get_if<api::ApiError>(&parsed)) {
    check(!error->message.empty());
    json::parse(api::anthropic_error_body(*error, "r"));
    return 0;
  }
  go_on(body, std::get<api::MessagesRequest>(parsed), model);
  check(std::holds_alternative<api::ConversationRequest>(
      api::parse_count_tokens(body, model, api::chat_tokenizer())));
  return 0;
}
