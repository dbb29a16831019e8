// What a request holds beside what is read of it.
#include "api/fields.h"

#include <gmock/gmock.h>

#include "api/anthropic.h"
#include "api/chat_completions.h"
#include "api/completions.h"
#include "api/responses.h"
#include "api/test_chat.h"
#include "api/tokenization.h"
#include "chat/json_members.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// Clients in JavaScript cut texts within a character, and JSON.stringify writes what is left.
TEST(ParseObject, HalfCharactersAreReplaced) {
  const auto text = [](const std::string& json) {
    const auto parsed = parse_object("{\"a\": \"" + json + "\"}");
    if (const auto* error = std::get_if<ApiError>(&parsed)) return "error: " + error->message;
    return std::string(std::get<json::object>(parsed).at("a").as_string());
  };
  const std::pair<const char*, const char*> cases[] = {
      {R"(x\ud83d)", "x\uFFFD"},
      {R"(\uDE00y)", "\uFFFDy"},
      {R"(\ud83d\ud83d\ude00\ud83dz)", "\uFFFD\U0001F600\uFFFDz"},
      {R"(\ud83d\n\\ud83d \\\ud83d)", "\uFFFD\n\\ud83d \\\uFFFD"},
      {R"(\ude00 \u00e9\"\ud83d\u0041)", "\uFFFD \u00e9\"\uFFFDA"}};
  for (const auto& [json, read] : cases) EXPECT_EQ(text(json), read) << json;
  for (const char* wrong : {R"(\ud83d\u12)", R"(\ud83d\x)", R"(\ud83)", "\\ud83d\xff"})
    EXPECT_TRUE(text(wrong).starts_with("error: the body is not valid JSON")) << wrong;
}

TEST(Fields, RememberWhatWasAskedFor) {
  const json::value body = json::parse(R"({"a": 1, "b": null, "c": 2, "d": {"e": 3, "f": 4}})");
  Fields fields(body.get_object());
  EXPECT_EQ(fields.integer("a", 0, 9), 1);
  Fields inner(fields.find("d")->get_object(), "d.");
  EXPECT_EQ(inner.integer("f", 0, 9), 4);
  fields.take(inner);
  EXPECT_THAT(fields.unread().names, UnorderedElementsAre("c", "d.e"));
  EXPECT_EQ(fields.unread().count, 2U);
  fields.leave({"c", "not there"});
  EXPECT_THAT(fields.unread().names, ElementsAre("d.e"));
}

TEST(Fields, KeepTheFirstNamesOfManyAndTheirNumber) {
  json::object inside, body;
  for (int i = 0; i < 1000; ++i) inside[std::to_string(i)] = i;
  body["inside"] = inside;
  for (int i = 0; i < 1000; ++i) body[std::to_string(i)] = i;
  Fields fields(body);
  fields.take(Fields(fields.find("inside")->get_object(), "inside."));
  EXPECT_EQ(fields.unread().count, 2000U);
  EXPECT_EQ(fields.unread().names.size(), 16U);
  EXPECT_EQ(fields.unread().names.front(), "inside.0");
}

TEST(Fields, TheFirstErrorIsKeptWithItsPath) {
  const json::object body = {{"a", "x"}};
  Fields fields(body, "outer."), inner(body, "outer.in.");
  inner.integer("a", 0, 9);
  fields.take(inner);
  EXPECT_EQ(fields.error()->param, "outer.in.a");
}

// What a dialect says it did not read of this request.
template <class Request>
std::vector<std::string> unread(const Parsed<Request>& parsed) {
  if (const auto* error = std::get_if<ApiError>(&parsed)) return {"error: " + error->message};
  return std::get<Request>(parsed).unread.names;
}

// An object that is `depth` deep, as the parser counts.
std::string nested(std::size_t depth) {
  return std::string(depth - 1, '[') + "{}" + std::string(depth - 1, ']');
}

TEST(ParseObject, TakesWhatIsNotTooDeep) {
  constexpr std::size_t kMost = chat::json_members::kNestingMax;
  const auto body = [](std::size_t depth) { return R"({"a": )" + nested(depth - 1) + "}"; };
  const auto parsed = parse_object(body(kMost));
  ASSERT_TRUE(std::holds_alternative<json::object>(parsed));
  EXPECT_EQ(to_json(std::get<json::object>(parsed).at("a")), nested(kMost - 1));
  EXPECT_EQ(std::get<ApiError>(parse_object(body(kMost + 1))).message,
            "the body is nested more than 128 deep");
  EXPECT_EQ(std::get<ApiError>(parse_object(std::string(1 << 20, '['))).message,
            "the body is nested more than 128 deep");
}

TEST(ParseObject, SaysWhereTheJsonIsWrong) {
  const auto message = [](std::string_view body) {
    return std::get<ApiError>(parse_object(body)).message;
  };
  EXPECT_EQ(message(R"({"a": 1,})"), "the body is not valid JSON: syntax error at byte 8");
  EXPECT_EQ(message(R"({"a": 1)"), "the body is not valid JSON: incomplete JSON at byte 7");
  EXPECT_EQ(message(""), "the body is not valid JSON: incomplete JSON at byte 0");
  EXPECT_EQ(message("{} {}"), "the body is not valid JSON: extra data at byte 3");
  EXPECT_EQ(message("[]"), "the body should be a JSON object");
}

// Every reader and writer that recurses sees the deepest there is: the messages, the tools and
// their templates, and what a stored response holds.
TEST(ParseObject, WhatIsDeepestIsReadInEveryDialect) {
  constexpr std::size_t kMost = chat::json_members::kNestingMax;
  const std::string deep = nested(kMost - 8);
  const std::string text = to_json(json::string(R"({"a": )" + nested(kMost - 1) + "}"));
  const auto chat = parse_chat(
      R"({"messages": [{"role": "user", "content": "a"},
          {"role": "assistant", "tool_calls": [
            {"id": "1", "function": {"name": "f", "arguments": )" +
          text + R"(}}]},
          {"role": "tool", "tool_call_id": "1", "content": "b"}],
          "tools": [{"type": "function", "function": {"name": "f", "parameters":
            {"type": "object", "properties": {"a": {"enum": )" +
          deep.substr(1, deep.size() - 2) + R"(}}}}}]})",
      chat_model(), chat_tokenizer());
  EXPECT_TRUE(std::holds_alternative<ChatRequest>(chat)) << std::get<ApiError>(chat).message;
  const auto messages = parse_messages(
      R"({"max_tokens": 5, "messages": [{"role": "user", "content": "a"},
          {"role": "assistant", "content": [
            {"type": "tool_use", "id": "1", "name": "f", "input": {"a": )" +
          deep + R"(}}]},
          {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1"}]}]})",
      chat_model(), chat_tokenizer());
  EXPECT_TRUE(std::holds_alternative<MessagesRequest>(messages))
      << std::get<ApiError>(messages).message;
  const auto responses = parse_responses(
      R"({"input": [{"role": "user", "content": "a"},
          {"type": "function_call", "call_id": "1", "name": "f", "arguments": )" +
          text + R"(},
          {"type": "function_call_output", "call_id": "1", "output": "b", "x": )" +
          deep + "}]}",
      chat_model(), chat_tokenizer(), [](std::string_view) { return nullptr; });
  ASSERT_TRUE(std::holds_alternative<ResponsesRequest>(responses))
      << std::get<ApiError>(responses).message;
  const auto turn = std::make_shared<ResponseTurn>(
      ResponseTurn{to_json(std::get<ResponsesRequest>(responses).input), "[]"});
  const auto next =
      parse_responses(R"({"previous_response_id": "resp_1", "input": "c"})", chat_model(),
                      chat_tokenizer(), [&](std::string_view) {
                        return std::make_shared<StoredResponse>(StoredResponse{"", {}, turn});
                      });
  EXPECT_TRUE(std::holds_alternative<ResponsesRequest>(next)) << std::get<ApiError>(next).message;
}

TEST(UnreadFields, OfChat) {
  const auto read = [](std::string_view body) {
    return unread(parse_chat(body, chat_model(), chat_tokenizer()));
  };
  EXPECT_THAT(
      read(R"({"model": "m", "messages": [{"role": "user", "content": "a"}], "max_tokens": 5,
               "temperature": 0.5, "stream": true, "stream_options": {"include_usage": true},
               "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "auto",
               "parallel_tool_calls": true, "reasoning_effort": "low", "logprobs": true,
               "top_logprobs": 1, "response_format": {"type": "text"}, "n": 1, "stop": "x"})"),
      IsEmpty());
  EXPECT_THAT(read(R"({"messages": [{"role": "user", "content": "a"}], "user": "u", "unheard": 1,
                       "stream_options": {"include_obfuscation": false},
                       "chat_template_kwargs": {"enable_thinking": true, "theirs": 1}})"),
              UnorderedElementsAre("user", "unheard", "stream_options.include_obfuscation",
                                   "chat_template_kwargs.theirs"));
}

TEST(UnreadFields, OfCompletions) {
  const auto read = [](std::string_view body) {
    return unread(parse_completion(body, chat_model(), chat_tokenizer()));
  };
  EXPECT_THAT(read(R"({"model": "m", "prompt": "a", "max_tokens": 5, "echo": true, "logprobs": 1,
                       "best_of": 1, "suffix": "", "n": 1, "add_special_tokens": false})"),
              ElementsAre("error: \"suffix\" is not supported: this model does not fill in the "
                          "middle"));
  EXPECT_THAT(read(R"({"model": "m", "prompt": "a", "max_tokens": 5, "echo": true, "logprobs": 1,
                       "best_of": 1, "n": 1, "add_special_tokens": false, "cache_salt": "x"})"),
              ElementsAre("cache_salt"));
}

TEST(UnreadFields, OfMessages) {
  EXPECT_THAT(
      unread(parse_messages(
          R"({"model": "m", "max_tokens": 5, "system": "s", "stop_sequences": ["x"], "top_k": 3,
              "messages": [{"role": "user", "content": "a"}], "metadata": {"user_id": "u"},
              "tools": [{"name": "f", "input_schema": {"type": "object"}}],
              "tool_choice": {"type": "auto", "strange": 1},
              "thinking": {"type": "adaptive", "depth": 2},
              "output_config": {"effort": "low",
                                "format": {"type": "text", "name": "n"}}})",
          chat_model(), chat_tokenizer())),
      UnorderedElementsAre("metadata", "tool_choice.strange", "thinking.depth",
                           "output_config.format.name"));
}

TEST(UnreadFields, OfResponses) {
  EXPECT_THAT(unread(parse_responses(
                  R"({"model": "m", "input": "a", "instructions": "b", "store": false, "user": "u",
                      "metadata": {"a": "b"}, "text": {"format": {"type": "text"}},
                      "reasoning": {"effort": "low", "depth": 1}, "prompt_cache_retention": "24h"})",
                  chat_model(), chat_tokenizer(), [](std::string_view) { return nullptr; })),
              UnorderedElementsAre("prompt_cache_retention", "reasoning.depth"));
}

TEST(UnreadFields, OfTokenize) {
  EXPECT_THAT(unread(parse_tokenize(R"({"model": "m", "prompt": "a", "odd": 1})", chat_model(),
                                    chat_tokenizer())),
              ElementsAre("odd"));
}

TEST(UnreadFields, AnErrorInAnInnerObjectNamesItsPathOnce) {
  const auto parsed = parse_chat(
      R"({"messages": [{"role": "user", "content": "a"}],
          "response_format": {"type": "json_schema", "json_schema": {"name": "n"}}})",
      chat_model(), chat_tokenizer());
  EXPECT_EQ(std::get<ApiError>(parsed).param, "response_format.json_schema.schema");
}

}  // namespace
}  // namespace g4::api
