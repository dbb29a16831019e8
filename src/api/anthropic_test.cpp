// Requests of Anthropic's Messages.
#include "api/anthropic.h"

#include <gmock/gmock.h>

#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;
using testing::Not;

constexpr const char* kUser = R"("messages": [{"role": "user", "content": "x"}])";
constexpr const char* kTools =
    R"("tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"},
                  "cache_control": {"type": "ephemeral"}},
                 {"type": "custom", "name": "g", "input_schema": {"type": "object"}},
                 {"type": "web_search_20250305", "name": "web_search"}])";

Parsed<MessagesRequest> parse(const std::string& fields, const ServedModel& model = chat_model()) {
  return parse_messages("{\"max_tokens\": 9, " + fields + "}", model, chat_tokenizer());
}

std::string prompt_of(const std::string& fields) {
  const auto parsed = parse(fields);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return "error: " + error->message;
  return chat_tokenizer().decode(std::get<MessagesRequest>(parsed).prompt.prompt, false);
}

std::string prompt_of_messages(const std::string& list) {
  return prompt_of("\"messages\": [" + list + "]");
}

std::string user(const std::string& blocks) {
  return R"({"role": "user", "content": [)" + blocks + "]}";
}
std::string assistant(const std::string& blocks) {
  return R"({"role": "assistant", "content": [)" + blocks + "]}";
}
std::string text(const std::string& words) {
  return R"({"type": "text", "text": ")" + words + "\"}";
}
std::string call(const std::string& id) {
  return R"({"type": "tool_use", "id": ")" + id + R"(", "name": "f", "input": {"a": 1}})";
}
std::string result(const std::string& id, const std::string& rest) {
  return R"({"type": "tool_result", "tool_use_id": ")" + id + "\"" + rest + "}";
}

TEST(AnthropicRequest, SystemIsAStringBlocksOrAMessage) {
  const std::string head = "<bos><|turn>system\none\n\ntwo<turn|>\n<|turn>user\nx";
  const std::string user_turn = R"({"role": "user", "content": "x"})";
  EXPECT_THAT(prompt_of(std::string(R"("system": "one\n\ntwo", )") + kUser), HasSubstr(head));
  EXPECT_THAT(prompt_of(R"("system": [{"type": "text", "text": "one", "cache_control": {}},
                                      {"type": "text", "text": "two"}], )" +
                        std::string(kUser)),
              HasSubstr(head));
  EXPECT_THAT(prompt_of(R"("system": "one", "messages": [{"role": "system", "content": "two"}, )" +
                        user_turn + "]"),
              HasSubstr(head));
  EXPECT_THAT(prompt_of(std::string(R"("system": "", )") + kUser), Not(HasSubstr("system")));
}

TEST(AnthropicRequest, NeighboursOfOneRoleAreOneTurn) {
  const std::string prompt = prompt_of_messages(
      user(text("a") + "," + text("b")) + R"(,{"role": "user", "content": "c"},)" +
      assistant(text("d")) + "," + assistant(text("e")) + "," + user(text("f")));
  EXPECT_EQ(prompt,
            "<bos><|turn>user\na\nb\nc<turn|>\n<|turn>model\nd\ne<turn|>\n<|turn>user\nf<turn|>\n"
            "<|turn>model\n<|channel>thought\n<channel|>");
}

TEST(AnthropicRequest, WordsComeBeforeTheirCallsAndResultsBehindThem) {
  const std::string prompt =
      prompt_of_messages(user(text("x")) + "," +
                         assistant(R"({"type": "thinking", "thinking": "hm", "signature": "s"},
                   {"type": "redacted_thinking", "data": "AA"},)" +
                                   text("Let me see.") + "," + call("1") + "," + call("2")) +
                         "," +
                         user(text("and?") + "," + result("2", R"(, "content": "two")") + "," +
                              result("1", R"(, "content": [{"type": "text", "text": "{\"t\": 1}"},
                                              {"type": "text", "text": "b"}])")) +
                         "," + assistant(text("So.")) + "," + user(text("y")));
  EXPECT_THAT(prompt, HasSubstr("<|turn>model\nLet me see.<|tool_call>call:f{a:1}<tool_call|>"
                                "<|tool_call>call:f{a:1}<tool_call|>"
                                "<|tool_response>response:f{value:<|\"|>two<|\"|>}<tool_response|>"
                                "<|tool_response>response:f{value:<|\"|>{\"t\": 1}\nb<|\"|>}"
                                "<tool_response|><turn|>\n<|turn>user\nand?<turn|>\n"
                                "<|turn>model\nSo.<turn|>\n<|turn>user\ny<turn|>\n"));
}

TEST(AnthropicRequest, AResultMayBeAnErrorOrNothing) {
  const auto told = [](const std::string& rest) {
    return prompt_of_messages(user(text("x")) + "," + assistant(call("1")) + "," +
                              user(result("1", rest)));
  };
  const auto value = [](const std::string& words) {
    return "{value:<|\"|>" + words + "<|\"|>}<tool_response|>";
  };
  EXPECT_THAT(told(""), testing::EndsWith(value("")));
  EXPECT_THAT(told(R"(, "content": "no", "is_error": true)"),
              testing::EndsWith(value("Error: no")));
  EXPECT_THAT(told(R"(, "is_error": true)"), testing::EndsWith(value("Error")));
  EXPECT_THAT(told(R"(, "content": "no", "is_error": false)"), testing::EndsWith(value("no")));
}

TEST(AnthropicRequest, ThoughtsOfTheRunningTurnAreShownToTheModel) {
  const std::string thought = R"({"type": "thinking", "thinking": "hm", "signature": "s"})";
  const std::string prompt =
      prompt_of_messages(user(text("x")) + "," + assistant(thought + "," + call("1")) + "," +
                         user(result("1", R"(, "content": "y")")));
  EXPECT_THAT(prompt,
              HasSubstr("<|turn>model\n<|channel>thought\nhm\n<channel|><|tool_call>call:f"));
}

TEST(AnthropicRequest, ALastAssistantMessageBeginsTheAnswer) {
  EXPECT_THAT(prompt_of_messages(user(text("x")) + "," + assistant(text("So the"))),
              testing::EndsWith("<|turn>model\nSo the"));
  const std::string fresh = prompt_of_messages(user(text("x")));
  EXPECT_EQ(prompt_of_messages(user(text("x")) + R"(, {"role": "assistant", "content": ""})"),
            fresh);
  EXPECT_EQ(prompt_of_messages(user(text("x")) + "," + assistant("")), fresh);
}

TEST(AnthropicRequest, DocumentsAndSearchResultsAreText) {
  const std::string prompt = prompt_of_messages(user(
      R"({"type": "document", "title": "T", "context": "C",
          "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
         {"type": "document", "source": {"type": "content", "content": "more"}},
         {"type": "document", "source": {"type": "content",
          "content": [{"type": "text", "text": "still"}]}},
         {"type": "search_result", "source": "s", "title": "t", "citations": {"enabled": false},
          "content": [{"type": "text", "text": "found"}]})"));
  EXPECT_THAT(prompt, HasSubstr("<|turn>user\nT\nC\nwords\nmore\nstill\nt\ns\nfound<turn|>"));
}

TEST(AnthropicRequest, ImagesWaitToBeLookedAt) {
  ServedModel model = chat_model();
  model.sees_images = true;
  const std::string image =
      R"({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGVs"},
          "max_soft_tokens": 70})";
  const std::string web =
      R"({"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}})";
  const auto parsed =
      parse("\"messages\": [" + user(text("x") + "," + image) + "," + assistant(call("1")) + "," +
                user(result("1", ", \"content\": [" + web + "]")) + "]",
            model);
  const auto& media = std::get<MessagesRequest>(parsed).conversation.media;
  ASSERT_EQ(media.size(), 2U);
  EXPECT_EQ(media[0].path, "messages[0].content[1]");
  EXPECT_EQ(std::get<ImagePart>(media[0].part).file.bytes.size(), 3U);
  EXPECT_EQ(std::get<ImagePart>(media[0].part).budget, ImageBudget::k70);
  EXPECT_EQ(media[1].path, "messages[2].content[0].content[0]");
  EXPECT_EQ(std::get<ImagePart>(media[1].part).file.url, "https://a.example/b.png");
}

TEST(AnthropicRequest, ToolsOfOursAreShownAndThoseOfTheirServerSkipped) {
  const std::string tools = std::string(kTools) + ", " + kUser;
  EXPECT_THAT(prompt_of(tools), HasSubstr("<|tool>declaration:f{description:<|\"|>d<|\"|>"));
  EXPECT_THAT(prompt_of(tools), HasSubstr("declaration:g"));
  EXPECT_THAT(prompt_of(tools), Not(HasSubstr("web_search")));
  EXPECT_THAT(prompt_of(tools + R"(, "tool_choice": {"type": "none"})"),
              Not(HasSubstr("declaration")));
  const auto one_call = [&](const std::string& choice) {
    return std::get<MessagesRequest>(parse(tools + choice)).prompt.chat->one_call;
  };
  EXPECT_FALSE(one_call(""));
  EXPECT_FALSE(one_call(R"(, "tool_choice": {"type": "auto"})"));
  EXPECT_TRUE(one_call(R"(, "tool_choice": {"type": "auto", "disable_parallel_tool_use": true})"));
}

TEST(AnthropicRequest, ThinkingIsEnabledAdaptiveOrDisabled) {
  const auto prompt = [](const std::string& thinking) {
    return prompt_of(kUser + (", \"thinking\": " + thinking));
  };
  EXPECT_THAT(prompt_of(kUser), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt(R"({"type": "disabled"})"), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt(R"({"type": "adaptive"})"), HasSubstr("<|think|>"));
  EXPECT_THAT(prompt(R"({"type": "enabled", "budget_tokens": 2000})"), HasSubstr("<|think|>"));
  const auto parsed = parse(std::string(kUser) +
                            R"(, "thinking": {"type": "enabled", "budget_tokens": 2000,
                                              "display": "omitted"})");
  EXPECT_EQ(std::get<MessagesRequest>(parsed).prompt.form.thought_tokens_max, 2000U);
  EXPECT_FALSE(std::get<MessagesRequest>(parsed).show_thoughts);
  const auto bound = [](const std::string& rest) {
    const auto asked = parse(kUser + (", \"thinking\": {\"type\": \"" + rest));
    return std::get<MessagesRequest>(asked).prompt.form.thought_tokens_max;
  };
  const std::string effort = R"(, "output_config": {"effort": "low"})";
  EXPECT_EQ(bound("adaptive\"}" + effort), 1024U);
  EXPECT_EQ(bound("enabled\", \"budget_tokens\": 2000}" + effort), 2000U);
  EXPECT_EQ(bound(R"(adaptive"}, "output_config": {"effort": "high"})"), std::nullopt);
  ServedModel simple = chat_model();
  simple.chat_template = chat::TemplateKind::kGemma3;
  EXPECT_EQ(
      std::get<ApiError>(parse(std::string(kUser) + R"(, "thinking": {"type": "enabled"})", simple))
          .param,
      "thinking");
  EXPECT_TRUE(std::holds_alternative<MessagesRequest>(
      parse(std::string(kUser) + R"(, "thinking": {"type": "adaptive"})", simple)));
}

TEST(AnthropicRequest, SamplingAndWhatOnlyOthersUnderstand) {
  const auto parsed = parse(std::string(kUser) +
                            R"(, "temperature": 0.5, "top_k": 7, "top_p": 0.25, "stream": true,
                                 "stop_sequences": ["a", "b"], "metadata": {"user_id": "u"},
                                 "service_tier": "auto", "context_management": {"edits": [1]},
                                 "output_config": {"effort": "low"}, "stop": 3)");
  const auto& request = std::get<MessagesRequest>(parsed);
  EXPECT_TRUE(request.stream);
  EXPECT_EQ(request.prompt.output_tokens_max, 9U);
  EXPECT_EQ(request.prompt.sampling.top_k, 7U);
  EXPECT_FLOAT_EQ(request.prompt.sampling.temperature, 0.5F);
  EXPECT_FLOAT_EQ(request.prompt.sampling.top_p, 0.25F);
  EXPECT_EQ(request.prompt.stop.size(), 2U);
}

TEST(AnthropicRequest, TokensAreCountedWithoutMaxTokens) {
  const std::string fields = std::string(kTools) + R"(, "system": "s", )" + kUser;
  const auto counted = parse_count_tokens("{" + fields + "}", chat_model(), chat_tokenizer());
  const auto parsed = parse(fields);
  EXPECT_EQ(count_tokens_answer(std::get<ConversationRequest>(counted)),
            "{\"input_tokens\":" +
                std::to_string(std::get<MessagesRequest>(parsed).prompt.prompt.size()) + "}");
}

struct Wrong {
  std::string fields;
  std::string param;
  std::string why;
};

TEST(AnthropicRequest, ErrorsNameTheField) {
  const auto messages = [](const std::string& list) { return "\"messages\": [" + list + "]"; };
  const std::string tools = std::string(kTools) + ", " + kUser + ", \"tool_choice\": ";
  const std::string asked = user(text("x")) + "," + assistant(text("a") + "," + call("1"));
  const std::vector<Wrong> cases = {
      {"\"x\": 1", "messages", "missing"},
      {"\"messages\": []", "messages", "at least one"},
      {messages("1"), "messages[0]", "object"},
      {messages(R"({"role": "king", "content": "x"})"), "messages[0].role", "king"},
      {messages(R"({"role": "user"})"), "messages[0].content", "missing"},
      {messages(R"({"role": "user", "content": 1})"), "messages[0].content", "string"},
      {messages(user(R"({"text": "x"})")), "messages[0].content[0].type", "missing"},
      {messages(user(R"({"type": "text"})")), "messages[0].content[0].text", "missing"},
      {messages(user(R"({"type": "container_upload"})")), "messages[0].content[0].type",
       "container_upload"},
      {messages(assistant(R"({"type": "server_tool_use"})")), "messages[0].content[0].type",
       "server_tool_use"},
      {messages(user(R"({"type": "image", "source": {"type": "file", "file_id": "f"}})")),
       "messages[0].content[0].source.type", "base64 or url"},
      {messages(user(R"({"type": "image", "source": {"type": "base64", "data": "aGVs"}})")),
       "messages[0].content[0]", "text only"},
      {messages(user(R"({"type": "document", "source": {"type": "base64", "data": "aGVs"}})")),
       "messages[0].content[0].source.type", "PDF"},
      {messages(user(R"({"type": "document", "citations": {"enabled": true},
                         "source": {"type": "text", "data": "x"}})")),
       "messages[0].content[0].citations", "cite"},
      {messages(user(result("9", ""))), "messages[0].content[0].tool_use_id", "\"9\""},
      {messages(asked), "messages[1].content[1]", "no result"},
      {messages(asked + "," + user(text("y")) + "," + assistant(text("z"))),
       "messages[1].content[1]", "no result"},
      {messages(asked + "," + user(result("1", "") + "," + result("1", ""))),
       "messages[2].content[1].tool_use_id", "waits"},
      {messages(user(text("x")) + "," + assistant(call("1") + "," + call("1"))),
       "messages[1].content[1].id", "two calls"},
      {messages(assistant(R"({"type": "tool_use", "id": "1", "name": "f", "input": "{}"})")),
       "messages[0].content[0].input", "object"},
      {std::string(R"("system": [{"type": "image"}], )") + kUser, "system[0].type", "text"},
      {std::string(R"("system": 1, )") + kUser, "system", "string"},
      {std::string(R"("tools": [{"input_schema": {}}], )") + kUser, "tools[0].name", "missing"},
      {std::string(R"("tools": [{"name": "f", "input_schema": 1}], )") + kUser,
       "tools[0].input_schema", "object"},
      {tools + R"("auto")", "tool_choice", "object"},
      {tools + R"({"type": "required"})", "tool_choice.type", "any"},
      {tools + R"({"type": "tool"})", "tool_choice.name", "name"},
      {tools + R"({"type": "tool", "name": "h"})", "tool_choice", "\"h\""},
      {tools + R"({"type": "tool", "name": "web_search"})", "tool_choice", "web_search"},
      {kUser + std::string(R"(, "thinking": true)"), "thinking", "object"},
      {kUser + std::string(R"(, "thinking": {"type": "on"})"), "thinking.type", "adaptive"},
      {kUser + std::string(R"(, "thinking": {"type": "enabled", "budget_tokens": 0})"),
       "thinking.budget_tokens", "0"},
      {kUser + std::string(R"(, "stop_sequences": [""])"), "stop_sequences", "empty"},
      {kUser + std::string(R"(, "mcp_servers": [{"url": "https://a.example"}])"), "mcp_servers",
       "not supported"},
      {kUser + std::string(R"(, "output_format": {"type": "json_schema"})"), "output_format",
       "output_config"},
      {kUser + std::string(R"(, "output_config": {"format": {"type": "xml"}})"),
       "output_config.format.type", "json_schema"},
      {kUser + std::string(R"(, "output_config": {"format": {"type": "json_schema"}})"),
       "output_config.format.schema", "required"},
  };
  for (const Wrong& wrong : cases) {
    const auto parsed = parse(wrong.fields);
    const auto* error = std::get_if<ApiError>(&parsed);
    ASSERT_TRUE(error) << wrong.fields;
    EXPECT_EQ(error->status, 400) << wrong.fields;
    EXPECT_EQ(error->param, wrong.param) << wrong.fields;
    EXPECT_THAT(error->message, HasSubstr(wrong.why)) << wrong.fields;
    EXPECT_THAT(anthropic_error_body(*error, "r"), HasSubstr(wrong.param)) << wrong.fields;
  }
  const auto no_limit =
      parse_messages("{" + std::string(kUser) + "}", chat_model(), chat_tokenizer());
  EXPECT_EQ(std::get<ApiError>(no_limit).param, "max_tokens");
  EXPECT_EQ(std::get<ApiError>(parse(std::string(kUser) + R"(, "model": "claude")")).status, 404);
}

TEST(AnthropicErrors, HaveAShapeAndNamesOfTheirOwn) {
  EXPECT_EQ(anthropic_error_body({413, "too large", std::nullopt, ""}, "req_1"),
            R"({"type":"error","error":{"type":"request_too_large","message":"too large"},)"
            R"("request_id":"req_1"})");
  EXPECT_THAT(anthropic_error_body({400, "is odd", "a.b", ""}, "r"), HasSubstr("\"a.b: is odd\""));
  // Clients go on without a thread when they read this code.
  const auto thread = parse(std::string(kUser) + R"(, "thread": {"type": "create"})");
  EXPECT_THAT(anthropic_error_body(std::get<ApiError>(thread), "r"),
              HasSubstr(R"("details":{"error_code":"thread_unsupported_request"})"));
  const std::pair<int, const char*> names[] = {{400, "invalid_request_error"},
                                               {401, "authentication_error"},
                                               {403, "permission_error"},
                                               {404, "not_found_error"},
                                               {405, "invalid_request_error"},
                                               {429, "rate_limit_error"},
                                               {500, "api_error"},
                                               {503, "overloaded_error"}};
  for (const auto& [status, name] : names)
    EXPECT_THAT(anthropic_error_body({status, "m", std::nullopt, ""}, "r"),
                HasSubstr("\"type\":\"" + std::string(name) + "\""));
  for (const char* path : {"/v1/messages", "/v1/messages/count_tokens", "/v1/messages/x"})
    EXPECT_TRUE(is_anthropic_path(path));
  for (const char* path : {"/v1/messagesx", "/v1/models", "", "/"})
    EXPECT_FALSE(is_anthropic_path(path));
}

}  // namespace
}  // namespace g4::api
