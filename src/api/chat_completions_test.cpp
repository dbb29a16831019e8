// Thoughts and tool calls through POST /v1/chat/completions.
#include "api/chat_completions.h"

#include <gmock/gmock.h>

#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

constexpr const char* kTools =
    R"("tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},
                 {"type": "function", "function": {"name": "g"}}])";

Parsed<ChatRequest> parse(const std::string& fields) {
  return parse_chat(R"({"messages": [{"role": "user", "content": "x"}])" +
                        (fields.empty() ? "" : ", " + fields) + "}",
                    chat_model(), chat_tokenizer());
}

std::string prompt_of(const std::string& fields) {
  const auto parsed = parse(fields);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return "error: " + error->message;
  return chat_tokenizer().decode(std::get<ChatRequest>(parsed).prompt.prompt, false);
}

TEST(ChatTools, AreShownToTheModelUnlessNoneMayBeCalled) {
  const std::string tools = kTools;
  EXPECT_THAT(prompt_of(tools), HasSubstr("<|tool>declaration:f"));
  EXPECT_THAT(prompt_of(tools), HasSubstr("declaration:g"));
  EXPECT_THAT(prompt_of(tools + R"(, "tool_choice": "none")"), Not(HasSubstr("declaration")));
  const std::string one =
      prompt_of(tools + R"(, "tool_choice": {"type": "allowed_tools", "allowed_tools":
                 {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]}})");
  EXPECT_THAT(one, HasSubstr("declaration:g"));
  EXPECT_THAT(one, Not(HasSubstr("declaration:f")));
  EXPECT_FALSE(std::get<ChatRequest>(parse(tools)).prompt.chat->one_call);
  EXPECT_TRUE(std::get<ChatRequest>(parse(tools + R"(, "parallel_tool_calls": false)"))
                  .prompt.chat->one_call);
}

TEST(ChatTools, ChoicesThatCannotBeAreRefused) {
  const auto error = [](const std::string& choice) {
    return std::get<ApiError>(parse(std::string(kTools) + R"(, "tool_choice": )" + choice));
  };
  for (const char* choice : {R"("any")", "1", "{}", R"({"type": "function"})",
                             R"({"type": "allowed_tools", "mode": "x", "tools": []})",
                             R"({"type": "function", "function": {"name": "h"}})"})
    EXPECT_EQ(error(choice).param, "tool_choice") << choice;
}

TEST(ChatThinking, IsSwitchedOnByTheNamesOfOthers) {
  EXPECT_THAT(prompt_of(""), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt_of(R"("reasoning_effort": "none")"), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt_of(R"("reasoning_effort": "low")"), HasSubstr("<|think|>"));
  EXPECT_THAT(prompt_of(R"("chat_template_kwargs": {"enable_thinking": true})"),
              HasSubstr("<|think|>"));
}

TEST(ChatStream, HiddenThoughtsAreCountedAndNotTold) {
  const auto parsed = parse(R"("include_reasoning": false)");
  const ServedModel model = chat_model();
  ChatWriter writer(std::get<ChatRequest>(parsed), model, chat_tokenizer(), "x", 1);
  ChatDelta delta;
  delta.events = {chat::ThoughtDelta{"secret"}};
  delta.token = SampledToken{5, 0, 0, {}};
  delta.part = chat::OutputParser::Part::kThought;
  for (const std::string& chunk : writer.chunks(0, delta))
    EXPECT_THAT(chunk, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace g4::api
