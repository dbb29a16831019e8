// Answers of the Responses API: the events of a stream, and that they make the whole answer.
#include <gmock/gmock.h>

#include "api/responses.h"
#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;

ResponsesRequest request(const std::string& fields = "") {
  auto parsed = parse_responses(R"({"input": "x")" + fields + "}", chat_model(), chat_tokenizer(),
                                [](std::string_view) { return nullptr; });
  return std::get<ResponsesRequest>(std::move(parsed));
}

ServiceEvent delta(std::vector<chat::OutputEvent> events) {
  return ChatDelta{std::move(events), std::nullopt, chat::OutputParser::Part::kNone};
}

std::vector<json::object> stream(const ResponsesRequest& asked,
                                 const std::vector<ServiceEvent>& answer) {
  const ServedModel model = chat_model();
  ResponsesWriter writer(asked, model, chat_tokenizer(), "k", 1);
  std::vector<StreamChunk> chunks = writer.first_chunks();
  for (const ServiceEvent& event : answer)
    for (StreamChunk& chunk : writer.chunks(event, 2)) chunks.push_back(std::move(chunk));
  std::vector<json::object> events;
  for (const StreamChunk& chunk : chunks) {
    events.push_back(json::parse(chunk.json).as_object());
    EXPECT_EQ(events.back().at("type"), json::value(chunk.event));
    EXPECT_EQ(events.back().at("sequence_number"), events.size() - 1);
  }
  return events;
}

json::object whole(const ResponsesRequest& asked, const std::vector<ServiceEvent>& answer) {
  const ServedModel model = chat_model();
  ResponsesWriter writer(asked, model, chat_tokenizer(), "k", 1);
  Choice choice;
  for (const ServiceEvent& event : answer) choice.add(event);
  return json::parse(writer.whole(choice, 2)).as_object();
}

ServiceEvent finished(Finished::Reason reason, std::uint64_t output_tokens = 0,
                      std::uint64_t thought_tokens = 0) {
  Finished end;
  end.reason = reason;
  end.output_tokens = output_tokens;
  end.thought_tokens = thought_tokens;
  return end;
}

// Every member of `want` is in `got`, and the same there.
bool holds(const json::value& got, const json::value& want) {
  if (want.is_array()) {
    if (!got.is_array() || got.get_array().size() != want.get_array().size()) return false;
    for (std::size_t i = 0; i < want.get_array().size(); ++i)
      if (!holds(got.get_array()[i], want.get_array()[i])) return false;
    return true;
  }
  if (!want.is_object()) return got == want;
  for (const auto& [key, value] : want.get_object()) {
    const json::value* member = got.is_object() ? got.get_object().if_contains(key) : nullptr;
    if (!member || !holds(*member, value)) return false;
  }
  return true;
}

// The order that OpenAI's client and the AI SDK were run against: thought, message, call.
TEST(ResponsesStream, IsInTheOrderThatClientsKnow) {
  const std::vector<json::object> events = stream(
      request(),
      {delta({chat::ThoughtBegin{}, chat::ThoughtDelta{"think"}}), delta({chat::ThoughtEnd{}}),
       delta({chat::TextDelta{"Hello"}}), delta({chat::ToolCallBegin{0, "w"}}),
       delta({chat::ToolCallArguments{0, R"({"c":"x"})"}}), delta({chat::ToolCallEnd{0, ""}}),
       finished(Finished::Reason::kToolCalls, 7, 3)});
  const char* want[] = {
      R"({"type": "response.created", "response": {"id": "resp_k", "object": "response",
          "status": "in_progress", "output": [], "usage": null, "error": null}})",
      R"({"type": "response.in_progress", "response": {"status": "in_progress", "output": []}})",
      R"({"type": "response.output_item.added", "output_index": 0, "item": {"id": "rs_k_0",
          "type": "reasoning", "summary": [], "content": [], "status": "in_progress"}})",
      R"({"type": "response.content_part.added", "item_id": "rs_k_0", "output_index": 0,
          "content_index": 0, "part": {"type": "reasoning_text", "text": ""}})",
      R"({"type": "response.reasoning_text.delta", "item_id": "rs_k_0", "output_index": 0,
          "content_index": 0, "delta": "think"})",
      R"({"type": "response.reasoning_text.done", "item_id": "rs_k_0", "text": "think"})",
      R"({"type": "response.content_part.done", "item_id": "rs_k_0",
          "part": {"type": "reasoning_text", "text": "think"}})",
      R"({"type": "response.output_item.done", "output_index": 0, "item": {"id": "rs_k_0",
          "status": "completed", "content": [{"type": "reasoning_text", "text": "think"}]}})",
      R"({"type": "response.output_item.added", "output_index": 1, "item": {"id": "msg_k_1",
          "type": "message", "role": "assistant", "status": "in_progress", "content": []}})",
      R"({"type": "response.content_part.added", "item_id": "msg_k_1",
          "part": {"type": "output_text", "text": "", "annotations": [], "logprobs": []}})",
      R"({"type": "response.output_text.delta", "item_id": "msg_k_1", "output_index": 1,
          "content_index": 0, "delta": "Hello", "logprobs": []})",
      R"({"type": "response.output_text.done", "text": "Hello", "logprobs": []})",
      R"({"type": "response.content_part.done", "part": {"type": "output_text", "text": "Hello",
          "annotations": [], "logprobs": []}})",
      R"({"type": "response.output_item.done", "output_index": 1, "item": {"status": "completed",
          "content": [{"type": "output_text", "text": "Hello"}]}})",
      R"({"type": "response.output_item.added", "output_index": 2, "item": {"id": "fc_k_2",
          "type": "function_call", "call_id": "call_k_2", "name": "w", "arguments": "",
          "status": "in_progress"}})",
      R"({"type": "response.function_call_arguments.delta", "item_id": "fc_k_2",
          "output_index": 2, "delta": "{\"c\":\"x\"}"})",
      R"({"type": "response.function_call_arguments.done", "item_id": "fc_k_2",
          "output_index": 2, "name": "w", "arguments": "{\"c\":\"x\"}"})",
      R"({"type": "response.output_item.done", "output_index": 2, "item": {"status": "completed",
          "arguments": "{\"c\":\"x\"}"}})",
      R"({"type": "response.completed", "response": {"status": "completed", "completed_at": 2,
          "created_at": 1, "output": [{"type": "reasoning"}, {"type": "message"},
          {"type": "function_call"}], "usage": {"output_tokens": 7,
          "output_tokens_details": {"reasoning_tokens": 3}, "input_tokens_details":
          {"cached_tokens": 0}}}})"};
  ASSERT_EQ(events.size(), std::size(want));
  for (std::size_t i = 0; i < events.size(); ++i)
    EXPECT_TRUE(holds(events[i], json::parse(want[i]))) << json::serialize(events[i]);
}

TEST(ResponsesStream, ACallThatWasCutOffIsNeverDone) {
  const std::vector<ServiceEvent> answer = {
      delta({chat::ToolCallBegin{0, "rm"}, chat::ToolCallArguments{0, R"({"path":"/)"}}),
      delta({chat::ToolCallEnd{0, "\"}"}}), finished(Finished::Reason::kLength)};
  for (const json::object& event : stream(request(), answer)) {
    EXPECT_NE(event.at("type"), "response.output_item.done");
    EXPECT_NE(event.at("type"), "response.function_call_arguments.done");
  }
  const json::object response = whole(request(), answer);
  EXPECT_EQ(response.at("status"), "incomplete");
  EXPECT_EQ(response.at("incomplete_details").at("reason"), "max_output_tokens");
  EXPECT_EQ(response.at("output").at(0).at("status"), "incomplete");
}

TEST(ResponsesStream, FailsVisibly) {
  const ResponsesRequest asked = request();
  const ServedModel model = chat_model();
  ResponsesWriter writer(asked, model, chat_tokenizer(), "k", 1);
  writer.first_chunks();
  writer.chunks(delta({chat::TextDelta{"Hel"}}), 2);
  const std::vector<StreamChunk> failure = writer.failure({500, "boom", std::nullopt, ""});
  ASSERT_EQ(failure.size(), 2u);
  EXPECT_EQ(failure[0].event, "response.failed");
  const json::value failed = json::parse(failure[0].json).at("response");
  EXPECT_EQ(failed.at("status"), "failed");
  EXPECT_EQ(failed.at("error").at("message"), "boom");
  EXPECT_EQ(failed.at("output").at(0).at("status"), "incomplete");
  EXPECT_EQ(failure[1].event, "error");
  const json::value error = json::parse(failure[1].json);
  EXPECT_EQ(error.at("message"), "boom");
  EXPECT_EQ(error.at("error").at("message"), "boom");
  EXPECT_FALSE(writer.take_to_store());
}

TEST(ResponsesAnswer, HasEveryMemberThatTheSchemaWants) {
  const json::object response =
      whole(request(R"(, "metadata": {"a": "b"}, "instructions": "i", "temperature": 0.7)"),
            {delta({chat::TextDelta{"a"}}), finished(Finished::Reason::kStop, 1)});
  for (const char* key : {"id",
                          "object",
                          "created_at",
                          "status",
                          "error",
                          "incomplete_details",
                          "instructions",
                          "metadata",
                          "model",
                          "output",
                          "parallel_tool_calls",
                          "temperature",
                          "top_p",
                          "tool_choice",
                          "tools",
                          "completed_at",
                          "previous_response_id",
                          "truncation",
                          "text",
                          "presence_penalty",
                          "frequency_penalty",
                          "top_logprobs",
                          "reasoning",
                          "usage",
                          "max_output_tokens",
                          "max_tool_calls",
                          "store",
                          "background",
                          "service_tier",
                          "safety_identifier",
                          "prompt_cache_key"})
    EXPECT_TRUE(response.contains(key)) << key;
  EXPECT_TRUE(holds(response, json::parse(R"({"metadata": {"a": "b"}, "instructions": "i",
      "temperature": 0.7, "top_p": 0.95, "tool_choice": "auto", "tools": [], "store": true,
      "text": {"format": {"type": "text"}}, "truncation": "disabled", "status": "completed"})")))
      << json::serialize(response);
}

TEST(ResponsesAnswer, ThoughtsAreCarriedByClientsThatAskForIt) {
  const std::vector<ServiceEvent> answer = {
      delta({chat::ThoughtBegin{}, chat::ThoughtDelta{"t"}, chat::ThoughtEnd{}}),
      finished(Finished::Reason::kStop)};
  const auto thought = [&](const std::string& fields) {
    return whole(request(fields), answer).at("output").at(0).as_object();
  };
  EXPECT_FALSE(thought("").contains("encrypted_content"));
  EXPECT_EQ(thought(R"(, "include": ["reasoning.encrypted_content"])").at("encrypted_content"),
            "gemma4:t");
}

}  // namespace
}  // namespace g4::api
