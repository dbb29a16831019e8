// Thoughts and tool calls through POST /v1/chat/completions.
#include "api/chat_completions.h"

#include <gmock/gmock.h>

#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::EndsWith;
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

TEST(ChatTools, AreDeclaredAsObjectsThoughTheirSchemaForgetsIt) {
  const auto declared = [](const std::string& type) {
    return prompt_of(R"("tools": [{"type": "function", "function": {"name": "f", "parameters": {)" +
                     type + R"("properties": {"a": {"type": "string"}}}}}])");
  };
  EXPECT_EQ(declared(""), declared(R"("type": "object", )"));
  EXPECT_EQ(declared(R"("type": null, )"), declared(R"("type": "object", )"));
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

// The template alone would write the words behind the result and end the turn that goes on.
TEST(ChatTools, WordsBesideACallStandBeforeIt) {
  const auto prompt = [](const std::string& content, const std::string& rest) {
    const std::string messages =
        R"({"messages": [{"role": "user", "content": "x"},
            {"role": "assistant", "reasoning": "hm", "content": )" +
        content +
        R"(, "tool_calls": [{"id": "1", "type": "function",
                             "function": {"name": "f", "arguments": "{\"a\":1}"}}])" +
        rest + "]}";
    const auto parsed = parse_chat(messages, chat_model(), chat_tokenizer());
    return chat_tokenizer().decode(std::get<ChatRequest>(parsed).prompt.prompt, false);
  };
  const std::string result = R"(}, {"role": "tool", "tool_call_id": "1", "content": "sun"})";
  const std::string told =
      "<|tool_call>call:f{a:1}<tool_call|>"
      "<|tool_response>response:f{value:<|\"|>sun<|\"|>}<tool_response|>";
  const std::string head = "<|turn>model\n<|channel>thought\nhm\n<channel|>";
  for (const char* words : {R"("Let me see.")", R"([{"type": "text", "text": "Let me see."}])"})
    EXPECT_THAT(prompt(words, result), EndsWith(head + "Let me see." + told)) << words;
  for (const char* words : {"null", R"("")", "[]"})
    EXPECT_THAT(prompt(words, result), EndsWith(head + told)) << words;
  EXPECT_THAT(
      prompt(R"("It shines.")", R"(, "tool_responses": [{"name": "f", "response": "sun"}]})"),
      HasSubstr(told + "It shines.<turn|>"));
}

TEST(ChatFunctions, AreToolsByTheirFirstName) {
  const std::string functions =
      R"("functions": [{"name": "f", "parameters": {"type": "object"}}, {"name": "g"}])";
  EXPECT_EQ(prompt_of(functions), prompt_of(kTools));
  EXPECT_EQ(prompt_of(functions + R"(, "function_call": "auto")"), prompt_of(kTools));
  EXPECT_THAT(prompt_of(functions + R"(, "function_call": "none")"), Not(HasSubstr("declaration")));
  const auto parsed = parse(functions + R"(, "function_call": {"name": "g"})");
  const ToolUse& use = std::get<ChatRequest>(parsed).conversation.tool_use;
  EXPECT_EQ(use.choice, ToolUse::Choice::kRequired);
  EXPECT_EQ(use.tools.size(), 1U);
  EXPECT_TRUE(std::get<ChatRequest>(parsed).prompt.chat->one_call);
  const std::pair<std::string, const char*> wrong[] = {
      {R"("function_call": "auto")", "function_call"},
      {functions + ", " + kTools, "functions"},
      {functions + R"(, "function_call": {"name": "h"})", "function_call"},
      {functions + R"(, "function_call": 1)", "function_call"},
      {R"("functions": {})", "functions"},
      {R"("functions": [1])", "functions[0]"},
      {R"("functions": [{"name": ""}])", "functions[0].name"},
  };
  for (const auto& [request, param] : wrong) {
    const auto refused = parse(request);
    ASSERT_TRUE(std::holds_alternative<ApiError>(refused)) << request;
    EXPECT_EQ(std::get<ApiError>(refused).param, param) << request;
  }
}

TEST(ChatFunctions, ACallIsTheMessagesFunctionCall) {
  const auto parsed = parse(R"("functions": [{"name": "f"}])");
  const ServedModel model = chat_model();
  ChatWriter streamed(std::get<ChatRequest>(parsed), model, chat_tokenizer(), "x", 1),
      whole(std::get<ChatRequest>(parsed), model, chat_tokenizer(), "x", 1);
  ChatDelta delta;
  delta.events = {chat::ToolCallBegin{0, "f"}, chat::ToolCallArguments{0, R"({"a":)"},
                  chat::ToolCallArguments{0, "1"}, chat::ToolCallEnd{0, "}"}};
  Finished finished;
  finished.reason = Finished::Reason::kToolCalls;
  Choice choice;
  std::string name, arguments;
  json::value reason;
  for (const ServiceEvent& event : {ServiceEvent(delta), ServiceEvent(finished)}) {
    choice.add(event);
    for (const std::string& chunk : streamed.chunks(0, event)) {
      const json::value got = json::parse(chunk).at("choices").at(0);
      EXPECT_FALSE(got.at("delta").as_object().contains("tool_calls"));
      if (!got.at("finish_reason").is_null()) reason = got.at("finish_reason");
      const json::value* call = got.at("delta").as_object().if_contains("function_call");
      if (!call) continue;
      if (const auto* said = call->as_object().if_contains("name")) name += said->as_string();
      arguments += call->at("arguments").as_string();
    }
  }
  EXPECT_EQ(reason, "function_call");
  const json::value answer = json::parse(whole.whole(std::span(&choice, 1))).at("choices").at(0);
  EXPECT_EQ(answer.at("finish_reason"), "function_call");
  EXPECT_TRUE(answer.at("message").at("content").is_null());
  EXPECT_FALSE(answer.at("message").as_object().contains("tool_calls"));
  EXPECT_EQ(answer.at("message").at("function_call"),
            (json::object{{"name", "f"}, {"arguments", R"({"a":1})"}}));
  EXPECT_EQ(name, "f");
  EXPECT_EQ(arguments, R"({"a":1})");
}

TEST(ChatThinking, IsSwitchedOnByTheNamesOfOthers) {
  EXPECT_THAT(prompt_of(""), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt_of(R"("reasoning_effort": "none")"), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt_of(R"("reasoning_effort": "low")"), HasSubstr("<|think|>"));
  EXPECT_THAT(prompt_of(R"("chat_template_kwargs": {"enable_thinking": true})"),
              HasSubstr("<|think|>"));
  EXPECT_THAT(prompt_of(R"("thinking": {"type": "adaptive"})"), HasSubstr("<|think|>"));
  EXPECT_THAT(prompt_of(R"("thinking": {"type": "disabled"})"), Not(HasSubstr("<|think|>")));
  for (const char* wish : {R"({"effort": "high"})", R"({"max_tokens": 9})", R"({"enabled": true})"})
    EXPECT_THAT(prompt_of(std::string(R"("reasoning": )") + wish), HasSubstr("<|think|>")) << wish;
  for (const char* none :
       {R"({"effort": "none"})", R"({"effort": "high", "enabled": false})", "{}"})
    EXPECT_THAT(prompt_of(std::string(R"("reasoning": )") + none), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt_of(R"("reasoning": "high")"), HasSubstr("error: \"reasoning\""));
  EXPECT_THAT(prompt_of(R"("thinking": {"type": "on"})"), HasSubstr("error: \"thinking.type\""));
  const auto bound = [](const std::string& fields) {
    return std::get<ChatRequest>(parse(fields)).prompt.form.thought_tokens_max;
  };
  const std::string thinking = R"("thinking": {"type": "enabled", "budget_tokens": 7})";
  EXPECT_EQ(bound(thinking), 7U);
  EXPECT_EQ(bound(R"("reasoning": {"effort": "low", "max_tokens": 9})"), 9U);
  EXPECT_EQ(bound(R"("reasoning": {"effort": "low"})"), 1024U);
  EXPECT_FALSE(std::get<ChatRequest>(parse(R"("reasoning": {"effort": "low", "exclude": true})"))
                   .show_thoughts);
  EXPECT_FALSE(std::get<ChatRequest>(parse(R"("thinking": {"type": "adaptive",
                                                          "display": "omitted"})"))
                   .show_thoughts);
  EXPECT_EQ(bound(thinking + R"(, "reasoning_effort": "low")"), 7U);
  EXPECT_EQ(bound(thinking + R"(, "thinking_token_budget": -1)"), std::nullopt);
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
