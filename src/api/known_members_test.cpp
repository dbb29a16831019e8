// What is ignored inside of messages, items, blocks and tools.
#include "api/known_members.h"

#include <gmock/gmock.h>

#include "api/anthropic.h"
#include "api/chat_completions.h"
#include "api/responses.h"
#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

ServedModel seeing_model() {
  ServedModel model = chat_model();
  model.sees_images = true;
  return model;
}

template <class Request>
std::vector<std::string> unread(const Parsed<Request>& parsed) {
  if (const auto* error = std::get_if<ApiError>(&parsed)) return {"error: " + error->message};
  return std::get<Request>(parsed).unread.names;
}

std::vector<std::string> of_chat(std::string_view body) {
  return unread(parse_chat(body, seeing_model(), chat_tokenizer()));
}
std::vector<std::string> of_messages(std::string_view body) {
  return unread(parse_messages(body, seeing_model(), chat_tokenizer()));
}
std::vector<std::string> of_responses(std::string_view body) {
  return unread(parse_responses(body, seeing_model(), chat_tokenizer(),
                                [](std::string_view) { return nullptr; }));
}

TEST(KnownMembers, WhatChatReadsIsNotNamed) {
  EXPECT_THAT(of_chat(R"({"messages": [
      {"role": "system", "content": [{"type": "text", "text": "a"}]},
      {"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:;base64,AA==", "detail": "low"}},
        {"type": "image_url", "image_url": "data:;base64,AA==", "max_soft_tokens": 70},
        {"type": "video", "video": ["data:;base64,AA=="], "fps": 2}]},
      {"role": "assistant", "content": null, "reasoning_content": "r", "annotations": [],
       "tool_calls": [{"id": "1", "type": "function",
                       "function": {"name": "f", "arguments": "{\"any\": 1}"}}]},
      {"role": "tool", "tool_call_id": "1", "name": "f", "content": "c"}],
      "tools": [{"type": "function", "function": {"name": "f", "description": "d", "strict": false,
                 "parameters": {"type": "object", "x-any": {"y": 1}}}}],
      "tool_choice": {"type": "function", "function": {"name": "f"}}})"),
              IsEmpty());
}

TEST(KnownMembers, WhatChatDoesNotReadIsNamedByItsPlace) {
  EXPECT_THAT(of_chat(R"({"messages": [
      {"role": "user", "name": "Ann", "content": [
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "detail": "low",
         "image_url": {"url": "data:;base64,AA==", "detial": "low"}}]},
      {"role": "assistant", "content": "b", "prefix": true},
      {"role": "user", "content": "c", "tool_call_id": "1"}],
      "tools": [{"type": "function", "cache": 1, "function": {"name": "f", "returns": {}}}],
      "response_format": {"type": "text", "txet": 1},
      "tool_choice": {"type": "function", "function": {"name": "f", "x": 1}}})"),
              UnorderedElementsAre(
                  "messages[0].name", "messages[0].content[0].cache_control",
                  "messages[0].content[1].detail", "messages[0].content[1].image_url.detial",
                  "messages[1].prefix", "messages[2].tool_call_id", "tools[0].cache",
                  "tools[0].function.returns", "response_format.txet", "tool_choice.function.x"));
}

TEST(KnownMembers, OfOldFunctions) {
  EXPECT_THAT(of_chat(R"({"messages": [{"role": "user", "content": "a"}],
                          "functions": [{"name": "f", "parameters": {}, "odd": 1}]})"),
              ElementsAre("functions[0].odd"));
}

TEST(KnownMembers, OfAnthropicBlocks) {
  EXPECT_THAT(of_messages(R"({"max_tokens": 5, "system": [{"type": "text", "text": "s"}],
      "tools": [{"name": "f", "input_schema": {"type": "object", "x": 1}}], "messages": [
      {"role": "user", "content": [
        {"type": "image", "max_soft_tokens": 70,
         "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        {"type": "document", "title": "t",
         "source": {"type": "text", "media_type": "text/plain", "data": "d"}}]},
      {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "t", "signature": "s"},
        {"type": "tool_use", "id": "1", "name": "f", "input": {"any": {"x": 1}}}]},
      {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "is_error": false,
                                    "content": [{"type": "text", "text": "r"}]}]}]})"),
              IsEmpty());
  EXPECT_THAT(
      of_messages(R"({"max_tokens": 5,
      "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
      "tools": [{"name": "f", "defer": true}], "messages": [{"role": "user", "id": "m", "content": [
        {"type": "text", "text": "a", "page": 1},
        {"type": "image", "source": {"type": "url", "url": "https://a.example/b", "x": 1}}]}]})"),
      UnorderedElementsAre("system[0].cache_control", "tools[0].defer", "messages[0].id",
                           "messages[0].content[0].page", "messages[0].content[1].source.x"));
}

TEST(KnownMembers, OfResponseItems) {
  EXPECT_THAT(of_responses(R"({"input": [
      {"role": "user", "content": [{"type": "input_image", "image_url": "data:;base64,AA==",
                                    "detail": "auto"}]},
      {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "x"},
      {"type": "function_call", "id": "fc", "call_id": "1", "name": "f", "arguments": "{}",
       "status": "completed"},
      {"type": "function_call_output", "call_id": "1", "output": "o"}],
      "tools": [{"type": "function", "name": "f", "parameters": {"x": 1}}]})"),
              IsEmpty());
  EXPECT_THAT(
      of_responses(R"({"input": [
      {"role": "user", "content": [{"type": "input_text", "text": "a", "x": 1}], "phase": "y"}],
      "tools": [{"type": "function", "name": "f", "defer_loading": true}]})"),
      UnorderedElementsAre("input[0].content[0].x", "input[0].phase", "tools[0].defer_loading"));
}

TEST(KnownMembers, AlikeOnesAreNamedOnceAndCounted) {
  json::array messages;
  for (int i = 0; i < 1000; ++i)
    messages.push_back({{"role", "user"}, {"content", "a"}, {"id", i}, {"when", i}});
  UnreadFields unread;
  find_unread(messages, "messages", kChatMessages, unread);
  EXPECT_THAT(unread.names, ElementsAre("messages[0].id", "messages[0].when"));
  EXPECT_EQ(unread.count, 2000U);
}

TEST(KnownMembers, NamesAreFew) {
  json::object message{{"role", "user"}};
  for (int i = 0; i < 1000; ++i) message[std::to_string(i)] = i;
  UnreadFields unread;
  find_unread(message, "m", kChatMessages, unread);
  EXPECT_EQ(unread.names.size(), UnreadFields::kNamesMax);
  EXPECT_EQ(unread.count, 1000U);
}

}  // namespace
}  // namespace g4::api
