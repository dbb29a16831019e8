// Bodies of POST /v1/responses: parsed or refused with a place, never a crash; what was parsed can
// be answered, stored, listed and gone on from.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "api/responses.h"
#include "api/test_chat.h"
#include "chat/json_members.h"

namespace {

using namespace g4;

void check(bool holds) {
  if (!holds) std::abort();
}

void go_on(const api::ResponsesRequest& request, const api::ServedModel& model) {
  api::ResponsesWriter writer(request, model, api::chat_tokenizer(), "key", 1);
  api::Choice choice;
  choice.add(ChatDelta{{chat::TextDelta{"answer"}}, std::nullopt, {}});
  Finished finished;
  finished.reason = Finished::Reason::kStop;
  finished.output_tokens = 1;
  choice.add(ServiceEvent(finished));
  check(chat::json_members::read_json(writer.whole(choice, 2)).has_value());
  const auto kept = writer.take_to_store();
  check(kept.has_value() == request.store);
  if (!kept) return;
  const auto stored = std::make_shared<const api::StoredResponse>(api::StoredResponse{
      kept->body, kept->earlier, std::make_shared<const api::ResponseTurn>(kept->turn)});
  check(std::holds_alternative<std::string>(api::input_items(*stored, api::ItemPage{})));
  const auto next = api::parse_responses(
      R"({"previous_response_id": "resp_key", "input": "more"})", model, api::chat_tokenizer(),
      [&](std::string_view id) { return id == "resp_key" ? stored : nullptr; });
  check(std::holds_alternative<api::ResponsesRequest>(next));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The body at the exact end of an allocation, so that a read past it is seen.
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  api::ServedModel model = api::chat_model();
  model.sees_images = true;
  const auto parsed = api::parse_responses({copy.get(), size}, model, api::chat_tokenizer(),
                                           [](std::string_view) { return nullptr; });
  if (const auto* error = std::get_if<api::ApiError>(&parsed)) {
    check(!error->message.empty());
    boost::json::parse(api::error_body(*error));
  } else {
    go_on(std::get<api::ResponsesRequest>(parsed), model);
  }
  return 0;
}
