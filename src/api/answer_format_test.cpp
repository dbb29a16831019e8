// What requests of all dialects say of their answers: the grammars and bounds that come of it.
#include "api/answer_format.h"

#include <gmock/gmock.h>

#include "api/anthropic.h"
#include "api/chat_completions.h"
#include "api/completions.h"
#include "api/responses.h"
#include "api/test_chat.h"
#include "chat/render.h"

namespace g4::api {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSchema = R"({"type": "object", "properties": {"a": {"type": "integer"}},
                                         "required": ["a"], "additionalProperties": false})";

ChatRequest chat(const std::string& fields) {
  auto parsed = parse_chat(R"({"messages": [{"role": "user", "content": "x"}], )" + fields + "}",
                           chat_model(), chat_tokenizer());
  if (const auto* error = std::get_if<ApiError>(&parsed)) {
    ADD_FAILURE() << error->message;
    return {};
  }
  return std::get<ChatRequest>(std::move(parsed));
}

std::string lark(const std::optional<AnswerGrammars::Grammar>& grammar) {
  return grammar ? grammar->text.lark() : "none";
}

std::string prompt(const ConversationRequest& request) {
  std::string text;
  for (const TokenId id : request.prompt.prompt) text += chat_tokenizer().bytes(id);
  return text;
}

std::string tool(std::string_view name, bool strict = false) {
  return fmt::format(
      R"({{"type": "function", "function": {{"name": "{}", "strict": {}, "parameters": {}}}}})",
      name, strict, kSchema);
}

TEST(AnswerFormat, EverySpellingOfASchemaIsTheSameGrammar) {
  const std::string schema(kSchema);
  const std::string first = lark(
      chat(R"("response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": )" +
           schema + "}}")
          .grammars()
          .answer);
  EXPECT_THAT(first, HasSubstr("%json"));
  for (const std::string& fields :
       {R"("response_format": {"type": "json_object", "schema": )" + schema + "}",
        R"("structured_outputs": {"json": )" + schema + "}", R"("guided_json": )" + schema,
        R"("guided_json": )" + boost::json::serialize(boost::json::string(schema)),
        R"("json_schema": )" + schema})
    EXPECT_EQ(lark(chat(fields).grammars().answer), first) << fields;

  auto completion = parse_completion(R"({"prompt": "a", "guided_json": )" + schema + "}",
                                     chat_model(), chat_tokenizer());
  EXPECT_EQ(lark(std::get<CompletionRequest>(completion).grammars().answer), first);
  auto messages = parse_messages(
      R"({"max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "output_config":
          {"format": {"type": "json_schema", "schema": )" +
          schema + "}}}",
      chat_model(), chat_tokenizer());
  EXPECT_EQ(lark(std::get<MessagesRequest>(messages).grammars().answer), first);
  auto response = parse_responses(
      R"({"input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": )" +
          schema + "}}}",
      chat_model(), chat_tokenizer(), [](std::string_view) { return nullptr; });
  EXPECT_EQ(lark(std::get<ResponsesRequest>(response).grammars().answer), first);
}

TEST(AnswerFormat, OtherKinds) {
  EXPECT_EQ(lark(chat(R"("response_format": {"type": "text"})").grammars().answer), "none");
  EXPECT_EQ(lark(chat(R"("structured_outputs": {"json_object": false})").grammars().answer),
            "none");
  EXPECT_THAT(lark(chat(R"("response_format": {"type": "json_object"})").grammars().answer),
              HasSubstr("%json"));
  EXPECT_THAT(lark(chat(R"("structured_outputs": {"regex": "[ab]+"})").grammars().answer),
              HasSubstr("[ab]+"));
  const std::string gbnf = lark(chat(R"("grammar": "root ::= \"a\"+")").grammars().answer);
  EXPECT_THAT(gbnf, HasSubstr("answer"));
  EXPECT_EQ(lark(chat(R"("structured_outputs": {"grammar": "root ::= \"a\"+"})").grammars().answer),
            gbnf);
  EXPECT_THAT(lark(chat(R"("guided_choice": ["yes", "no"])").grammars().answer),
              HasSubstr(R"("yes" | "no")"));
  const std::string loose = lark(chat(R"("structured_outputs": {"json": {}})").grammars().answer);
  EXPECT_NE(lark(chat(R"("structured_outputs": {"json": {}, "disable_any_whitespace": true})")
                     .grammars()
                     .answer),
            loose);
}

// What a format holds is given out blank for blank; what calls or nothing holds is not.
TEST(AnswerFormat, BlanksOfAFormatStay) {
  const auto exact = [](const std::string& fields) { return chat(fields).prompt.chat->exact_text; };
  const std::string choice = R"("guided_choice": [" yes", "no"])";
  const std::string tools = R"(, "tools": [)" + tool("f", true) + "]";
  EXPECT_TRUE(exact(choice));
  EXPECT_TRUE(exact(choice + tools));
  EXPECT_FALSE(exact(choice + tools + R"(, "tool_choice": "required")"));
  EXPECT_FALSE(exact(tools.substr(2)));
  EXPECT_FALSE(exact(R"("response_format": {"type": "text"})"));
}

TEST(AnswerFormat, TheModelIsToldTheSchemaOfAFormat) {
  const std::string format =
      R"("response_format": {"type": "json_schema", "json_schema": {"schema": {"title": "T"}}})";
  EXPECT_THAT(prompt(chat(format)), HasSubstr(R"({"title":"T"})"));
  EXPECT_THAT(prompt(chat(format)), HasSubstr("<|turn>system\n"));
  auto instructed = parse_chat(
      R"({"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "x"}], )" +
          format + "}",
      chat_model(), chat_tokenizer());
  EXPECT_THAT(prompt(std::get<ChatRequest>(instructed)),
              HasSubstr("Be kind.\n\nAnswer with JSON that satisfies this JSON schema"));
  // vLLM's own fields constrain, and say nothing.
  EXPECT_THAT(prompt(chat(R"("guided_json": {"title": "T"})")), Not(HasSubstr("title")));
}

TEST(AnswerFormat, ToolsThatMustBeCalled) {
  const std::string tools = R"("tools": [)" + tool("f") + ", " + tool("g") + "]";
  EXPECT_TRUE(chat(tools).grammars().empty());
  const std::string required =
      lark(chat(tools + R"(, "tool_choice": "required")").grammars().answer);
  EXPECT_THAT(required, HasSubstr("answer: call{1,64}"));
  EXPECT_THAT(required, HasSubstr("\"g\""));
  EXPECT_THAT(lark(chat(tools + R"(, "tool_choice": "required", "parallel_tool_calls": false)")
                       .grammars()
                       .answer),
              HasSubstr("answer: call{1,1}"));
  const std::string named =
      lark(chat(tools + R"(, "tool_choice": {"type": "function", "function": {"name": "f"}})")
               .grammars()
               .answer);
  EXPECT_THAT(named, HasSubstr("\"f\""));
  EXPECT_THAT(named, Not(HasSubstr("\"g\"")));
}

TEST(AnswerFormat, StrictToolsLeaveTheModelItsWords) {
  const ChatRequest strict = chat(R"("tools": [)" + tool("f", true) + "]");
  EXPECT_THAT(lark(strict.grammars().answer), HasSubstr("* call{0,64}"));
  EXPECT_FALSE(strict.grammars().calls);
}

TEST(AnswerFormat, CallsMayComeInTheAnswersPlace) {
  const ChatRequest both = chat(R"("guided_choice": ["yes"], "tools": [)" + tool("f") + "]");
  EXPECT_THAT(lark(both.grammars().answer), HasSubstr("\"yes\""));
  EXPECT_THAT(lark(both.grammars().calls), HasSubstr("answer: call{1,64}"));
  EXPECT_EQ(both.grammars().answer->path, "guided_choice");
  EXPECT_EQ(both.grammars().calls->path, "tools");
}

TEST(AnswerFormat, SchemasOfToolsThatCannotBeHeld) {
  const auto odd = [](const char* schema, bool strict) {
    return fmt::format(
        R"("tool_choice": "required", "tools": [{{"type": "function", "function": {{"name": "f",
            "strict": {}, "parameters": {}}}}}])",
        strict, schema);
  };
  struct Odd {
    const char *schema, *complaint;
  };
  for (const auto& [schema, complaint] : std::initializer_list<Odd>{
           {R"({"properties": {"a": {"items": {"uniqueItems": true}}}})",
            "tool f: #/properties/a/items/uniqueItems"},
           {R"({"type": "object", "allOf": [{"required": ["a"]}, {"required": ["b"]}]})",
            "tool f: schemas combined by allOf are not supported in arguments"},
           {R"({"type": "object", "patternProperties": {"^a": {}}})",
            "tool f: \"patternProperties\" is not supported in arguments"}}) {
    EXPECT_TRUE(chat(odd(schema, false)).grammars().answer) << schema;
    auto parsed =
        parse_chat(R"({"messages": [{"role": "user", "content": "x"}], )" + odd(schema, true) + "}",
                   chat_model(), chat_tokenizer());
    ASSERT_TRUE(std::holds_alternative<ApiError>(parsed)) << schema;
    EXPECT_EQ(std::get<ApiError>(parsed).param, "tools");
    EXPECT_THAT(std::get<ApiError>(parsed).message, HasSubstr(complaint));
  }
}

TEST(AnswerFormat, BudgetsOfThoughts) {
  const auto form = [](const std::string& fields) { return chat(fields).prompt.form; };
  EXPECT_FALSE(form(R"("n": 1)").may_think);
  EXPECT_TRUE(form(R"("reasoning_effort": "high")").may_think);
  EXPECT_EQ(form(R"("reasoning_effort": "high")").thought_tokens_max, std::nullopt);
  EXPECT_EQ(form(R"("reasoning_effort": "low")").thought_tokens_max, 1024U);
  EXPECT_EQ(form(R"("reasoning_effort": "low", "thinking_token_budget": 9)").thought_tokens_max,
            9U);
  EXPECT_EQ(form(R"("reasoning_effort": "low", "thinking_token_budget": -1)").thought_tokens_max,
            std::nullopt);
}

TEST(AnswerFormat, StuckOutputsEnd) {
  EXPECT_TRUE(chat(R"("n": 1)").prompt.repetition);
  EXPECT_FALSE(chat(R"("repetition_detection": false)").prompt.repetition);
  EXPECT_FALSE(chat(R"("repetition_detection": {"max_pattern_size": 0})").prompt.repetition);
  const auto limits =
      chat(
          R"("repetition_detection": {"max_pattern_size": 20, "min_pattern_size": 3, "min_count": 5})")
          .prompt.repetition;
  ASSERT_TRUE(limits);
  EXPECT_EQ(limits->block_tokens_max, 20U);
  EXPECT_EQ(limits->block_tokens_min, 3U);
  EXPECT_EQ(limits->repeats_min, 5U);
  auto raw = parse_completion(R"({"prompt": "a"})", chat_model(), chat_tokenizer());
  EXPECT_FALSE(std::get<CompletionRequest>(raw).prompts.front().repetition);
}

}  // namespace
}  // namespace g4::api
