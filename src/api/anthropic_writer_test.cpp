// Answers of Anthropic's Messages, whole and streamed.
#include <gmock/gmock.h>

#include "api/anthropic.h"
#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

MessagesRequest request_of(const std::string& fields = "") {
  return std::get<MessagesRequest>(parse_messages(
      R"({"max_tokens": 9, "messages": [{"role": "user", "content": "x"}])" + fields + "}",
      chat_model(), chat_tokenizer()));
}

std::vector<StreamChunk> stream_of(MessagesWriter& writer,
                                   const std::vector<ServiceEvent>& events) {
  std::vector<StreamChunk> stream = writer.first_chunks();
  const auto add = [&](std::vector<StreamChunk> more) {
    stream.insert(stream.end(), more.begin(), more.end());
  };
  for (const ServiceEvent& event : events) add(writer.chunks(event));
  add(writer.last_chunks());
  return stream;
}

// The events of http-api.md 8.3: name and data without its type.
TEST(AnthropicStream, HasTheOrderThatClientsKnow) {
  const MessagesRequest request = request_of();
  const ServedModel model = chat_model();
  MessagesWriter writer(request, model, "x");
  ChatDelta thought, words, call;
  thought.events = {chat::ThoughtBegin{}, chat::ThoughtDelta{"think"}, chat::ThoughtEnd{}};
  words.events = {chat::TextDelta{"Hello"}};
  call.events = {chat::ToolCallBegin{0, "w"}, chat::ToolCallArguments{0, R"({"c":)"},
                 chat::ToolCallArguments{0, R"("x"})"}, chat::ToolCallEnd{0, ""}};
  Finished finished;
  finished.reason = Finished::Reason::kToolCalls;
  finished.output_tokens = 7;
  finished.thought_tokens = 2;
  const std::string input = std::to_string(request.prompt.prompt.size());
  const std::string usage = R"("usage":{"input_tokens":)" + input + R"(,"output_tokens":)";
  const std::string caches = R"(,"cache_creation_input_tokens":0,"cache_read_input_tokens":0)";
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"message_start",
       R"("message":{"id":"msg_x","type":"message","role":"assistant","model":"m",)"
       R"("content":[],"stop_reason":null,"stop_sequence":null,)" +
           usage + "0" + caches + "}}"},
      {"content_block_start",
       R"("index":0,"content_block":{"type":"thinking","thinking":"","signature":""})"},
      {"ping", ""},
      {"content_block_delta", R"("index":0,"delta":{"type":"thinking_delta","thinking":"think"})"},
      {"content_block_delta",
       R"("index":0,"delta":{"type":"signature_delta","signature":"Z2VtbWE0"})"},
      {"content_block_stop", R"("index":0)"},
      {"content_block_start", R"("index":1,"content_block":{"type":"text","text":""})"},
      {"content_block_delta", R"("index":1,"delta":{"type":"text_delta","text":"Hello"})"},
      {"content_block_stop", R"("index":1)"},
      {"content_block_start",
       R"("index":2,"content_block":{"type":"tool_use","id":"toolu_x_0","name":"w","input":{}})"},
      {"content_block_delta",
       R"("index":2,"delta":{"type":"input_json_delta","partial_json":"{\"c\":"})"},
      {"content_block_delta",
       R"("index":2,"delta":{"type":"input_json_delta","partial_json":"\"x\"}"})"},
      {"content_block_stop", R"("index":2)"},
      {"message_delta", R"("delta":{"stop_reason":"tool_use","stop_sequence":null},)" + usage +
                            "7" + caches + R"(,"output_tokens_details":{"thinking_tokens":2}})"},
      {"message_stop", ""},
  };
  const std::vector<StreamChunk> stream = stream_of(writer, {thought, words, call, finished});
  ASSERT_EQ(stream.size(), expected.size());
  for (std::size_t i = 0; i < stream.size(); ++i) {
    const auto& [type, data] = expected[i];
    EXPECT_EQ(stream[i].event, type);
    EXPECT_EQ(stream[i].json,
              "{\"type\":\"" + type + "\"" + (data.empty() ? "" : ",") + data + "}");
  }
}

TEST(AnthropicAnswer, SaysWhyItEnded) {
  const MessagesRequest request = request_of();
  const ServedModel model = chat_model();
  const auto reason = [&](Finished::Reason why, std::uint64_t tokens,
                          std::optional<std::string> stop = {}) {
    Choice choice;
    choice.finished.emplace().reason = why;
    choice.finished->output_tokens = tokens;
    choice.finished->stop_string = std::move(stop);
    const json::value answer = json::parse(MessagesWriter(request, model, "x").whole(choice));
    EXPECT_EQ(answer.at("content"), json::array());
    const json::value& string = answer.at("stop_sequence");
    return std::string(answer.at("stop_reason").as_string()) +
           (string.is_null() ? "" : ":" + std::string(string.as_string()));
  };
  using Reason = Finished::Reason;
  EXPECT_EQ(reason(Reason::kStop, 5), "end_turn");
  EXPECT_EQ(reason(Reason::kStop, 5, "END"), "stop_sequence:END");
  EXPECT_EQ(reason(Reason::kToolCalls, 5), "tool_use");
  EXPECT_EQ(reason(Reason::kLength, 9), "max_tokens");
  EXPECT_EQ(reason(Reason::kLength, 5), "model_context_window_exceeded");
}

// The numbers that a model wrote are its own: JSON of a call is not read and written again.
TEST(AnthropicAnswer, KeepsTheInputOfACallAsItCame) {
  const MessagesRequest request = request_of();
  const ServedModel model = chat_model();
  Choice choice;
  choice.add(chat::ToolCallBegin{0, "f"});
  choice.add(chat::ToolCallArguments{0, R"({"n": 1.50, "big": 123456789012345678901234567890})"});
  choice.add(chat::ToolCallBegin{1, "g"});
  choice.finished.emplace().reason = Finished::Reason::kToolCalls;
  const std::string answer = MessagesWriter(request, model, "x").whole(choice);
  EXPECT_THAT(answer, HasSubstr(R"("input":{"n": 1.50, "big": 123456789012345678901234567890}})"));
  EXPECT_THAT(answer, HasSubstr(R"("id":"toolu_x_1","name":"g","input":{}})"));
  EXPECT_TRUE(json::parse(answer).is_object());
}

TEST(AnthropicAnswer, TellsWhatImagesCost) {
  MessagesRequest request = request_of();
  request.media_usage = {{"image_tokens", 70}};
  const ServedModel model = chat_model();
  Choice choice;
  choice.finished.emplace().reason = Finished::Reason::kStop;
  EXPECT_THAT(MessagesWriter(request, model, "x").whole(choice),
              HasSubstr(R"("input_tokens_details":{"image_tokens":70})"));
}

TEST(AnthropicStream, AFailureIsAnEventOfTheStream) {
  const StreamChunk chunk = anthropic_failure({500, "broken", std::nullopt, ""}, "r");
  EXPECT_EQ(chunk.event, "error");
  EXPECT_THAT(chunk.json, HasSubstr(R"("error":{"type":"api_error","message":"broken"})"));
}

}  // namespace
}  // namespace g4::api
