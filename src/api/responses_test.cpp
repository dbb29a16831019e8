#include "api/responses.h"

#include <gmock/gmock.h>

#include <map>

#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

std::map<std::string, std::shared_ptr<const StoredResponse>, std::less<>> stored;

std::shared_ptr<const StoredResponse> find(std::string_view id) {
  const auto found = stored.find(id);
  return found == stored.end() ? nullptr : found->second;
}

Parsed<ResponsesRequest> parse(const std::string& fields, ServedModel model = chat_model()) {
  return parse_responses("{" + fields + "}", model, chat_tokenizer(), find);
}

ResponsesRequest request(const std::string& fields) {
  auto parsed = parse(fields);
  if (const auto* error = std::get_if<ApiError>(&parsed)) ADD_FAILURE() << error->message;
  return std::get<ResponsesRequest>(std::move(parsed));
}

std::string prompt_of(const std::string& fields) {
  return chat_tokenizer().decode(request(fields).prompt.prompt, false);
}

TEST(ResponsesRequest, ATextIsAMessageOfTheUser) {
  const std::string prompt = prompt_of(R"("input": "x y")");
  EXPECT_THAT(prompt, HasSubstr("<|turn>user\nx y<turn|>"));
  EXPECT_EQ(prompt_of(R"("input": [{"role": "user", "content": "x y"}])"), prompt);
  EXPECT_EQ(prompt_of(R"("input": [{"type": "message", "role": "user",
                                    "content": [{"type": "input_text", "text": "x y"}]}])"),
            prompt);
}

TEST(ResponsesRequest, InstructionsAndLeadingSystemMessagesAreOneTurn) {
  EXPECT_THAT(prompt_of(R"("instructions": "be a", "input": [
                  {"role": "developer", "content": [{"type": "input_text", "text": "be b"}]},
                  {"role": "system", "content": "be c"}, {"role": "user", "content": "x"},
                  {"role": "developer", "content": "be d"}])"),
              HasSubstr("<|turn>system\nbe a\n\nbe b\n\nbe c<turn|>\n<|turn>user\nx<turn|>\n"
                        "<|turn>system\nbe d<turn|>\n"));
}

// What the model made in one turn is written as it made it: thought, words, calls, results.
TEST(ResponsesRequest, ItemsOfALoopOfToolsAreOneTurnOfTheModel) {
  const std::string items = R"({"role": "user", "content": "x"},
      {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "t"}]},
      {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "w"}]},
      {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{\"a\": 1}"},
      {"type": "function_call", "call_id": "2", "name": "g", "arguments": ""},
      {"type": "function_call_output", "call_id": "2", "output": "two"},
      {"type": "function_call_output", "call_id": "1",
       "output": [{"type": "input_text", "text": "one"}]})";
  EXPECT_THAT(
      prompt_of("\"input\": [" + items + "]"),
      HasSubstr("<|turn>model\n<|channel>thought\nt\n<channel|>w<|tool_call>call:f{a:1}<tool_call|>"
                "<|tool_call>call:g{}<tool_call|>"
                "<|tool_response>response:g{value:<|\"|>two<|\"|>}<tool_response|>"
                "<|tool_response>response:f{value:<|\"|>one<|\"|>}<tool_response|>"));
  // An agent may put a message between a call and its result.
  EXPECT_THAT(prompt_of(R"("input": [{"role": "user", "content": "x"},
      {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
      {"role": "user", "content": "y"},
      {"type": "function_call_output", "call_id": "1", "output": "one"}])"),
              HasSubstr("call:f{}<tool_call|><|tool_response>response:f{value:<|\"|>one"));
}

TEST(ResponsesRequest, ThoughtsComeBackFromClientsThatCarryThem) {
  const auto prompt = [](const std::string& reasoning) {
    return prompt_of(R"("input": [{"role": "user", "content": "x"}, {"type": "reasoning", )" +
                     reasoning + R"(, "summary": [{"type": "summary_text", "text": "short"}]},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "one"}])");
  };
  EXPECT_THAT(prompt(R"("encrypted_content": "gemma4:thinking")"),
              HasSubstr("<|channel>thought\nthinking\n<channel|><|tool_call>"));
  EXPECT_THAT(prompt(R"("encrypted_content": "gAAAA")"), Not(HasSubstr("<|channel>")));
}

TEST(ResponsesRequest, EffortSwitchesThoughtsOn) {
  const std::string input = R"("input": "x", )";
  EXPECT_THAT(prompt_of(input + R"("reasoning": {"effort": "low"})"), HasSubstr("<|think|>"));
  EXPECT_THAT(prompt_of(input + R"("reasoning": {"effort": "none"})"), Not(HasSubstr("<|think|>")));
  EXPECT_THAT(prompt_of(input + R"("reasoning": {"summary": "auto"})"),
              Not(HasSubstr("<|think|>")));
}

TEST(ResponsesRequest, ToolsAreFlatAndThoseOfOtherServersAreSkipped) {
  const std::string tools = R"("input": "x", "tools": [
      {"type": "function", "name": "f", "description": "does f", "strict": false,
       "parameters": {"type": "object", "properties": {"a": {"type": "string"}}}},
      {"type": "web_search"}, {"type": "namespace", "name": "n", "tools": []},
      {"type": "function", "name": "g"}])";
  const ResponsesRequest all = request(tools);
  EXPECT_THAT(all.skipped_tools, testing::ElementsAre("web_search", "namespace"));
  EXPECT_EQ(all.prompt.chat->tools.size(), 2u);
  EXPECT_EQ(all.echo.at("tools").as_array().size(), 2u);
  EXPECT_THAT(prompt_of(tools), HasSubstr("declaration:f{description:<|\"|>does f"));
  EXPECT_THAT(prompt_of(tools + R"(, "tool_choice": "none")"), Not(HasSubstr("declaration")));
  EXPECT_THAT(prompt_of(tools + R"(, "tool_choice": {"type": "allowed_tools", "mode": "auto",
                                    "tools": [{"type": "function", "name": "g"}]})"),
              Not(HasSubstr("declaration:f")));
  EXPECT_TRUE(request(tools + R"(, "parallel_tool_calls": false)").prompt.chat->one_call);
}

struct BadRequest {
  const char* fields;
  const char* param;
  const char* message;
};

TEST(ResponsesRequest, ErrorsNameTheField) {
  const BadRequest cases[] = {
      {R"("model": "m")", "input", "required"},
      {R"("input": [])", "input", "nothing"},
      {R"("input": 1)", "input", "text or an array"},
      {R"("input": [1])", "input[0]", "object"},
      {R"("input": [{"content": "x"}])", "input[0].type", "missing"},
      {R"("input": [{"role": "king", "content": "x"}])", "input[0].role", "king"},
      {R"("input": [{"role": "user"}])", "input[0].content", "missing"},
      {R"("input": [{"role": "user", "content": [{"type": "input_file"}]}])",
       "input[0].content[0].type", "input_file"},
      {R"("input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}])",
       "input[0].content[0]", "text only"},
      {R"("input": [{"role": "user", "content": [{"type": "input_audio"}]}])",
       "input[0].content[0]", "hear"},
      {R"("input": [{"role": "system", "content": [{"type": "input_image", "image_url": "data:,"}]}])",
       "input[0].content[0]", "text"},
      {R"("input": [{"type": "web_search_call"}])", "input[0].type", "web_search_call"},
      {R"("input": [{"type": "function_call", "name": "f", "call_id": "1", "arguments": "{"}])",
       "input[0].arguments", "JSON"},
      {R"("input": [{"type": "function_call", "name": "f", "arguments": "{}"}])",
       "input[0].call_id", "missing"},
      {R"("input": [{"type": "function_call_output", "call_id": "1", "output": "x"}])",
       "input[0].call_id", "no call"},
      {R"("input": [{"type": "item_reference", "id": "msg_1_0"}])", "input[0].id", "msg_1_0"},
      {R"("input": [{"type": "reasoning", "content": [1]}])", "input[0].content[0]", "object"},
      {R"("input": "x", "previous_response_id": "resp_1")", "previous_response_id", "resp_1"},
      {R"("input": "x", "background": true)", "background", "not supported"},
      {R"("input": "x", "conversation": "conv_1")", "conversation", "not supported"},
      {R"("input": "x", "prompt": {"id": "p"})", "prompt", "not supported"},
      {R"("input": "x", "max_output_tokens": 0)", "max_output_tokens", "expected 1"},
      {R"("input": "x", "max_tool_calls": -1)", "max_tool_calls", "expected 0"},
      {R"("input": "x", "temperature": 3)", "temperature", "0 to 2"},
      {R"("input": "x", "metadata": {"a": 1})", "metadata", "texts"},
      {R"("input": "x", "reasoning": "low")", "reasoning", "object"},
      {R"("input": "x", "reasoning": {"effort": "huge"})", "reasoning.effort", "huge"},
      {R"("input": "x", "text": {"format": {"type": "xml"}})", "text.format.type", "xml"},
      {R"("input": "x", "text": {"format": {"type": "json_schema", "name": "n"}})",
       "text.format.schema", "required"},
      {R"("input": "x", "text": {"format": {"type": "xml"}})", "text.format.type", "json_schema"},
      {R"("input": "x", "truncation": "some")", "truncation", "auto or disabled"},
      {R"("input": "x", "tools": [{"type": "function"}])", "tools[0].name", "missing"},
      {R"("input": "x", "tools": {})", "tools", "array"},
      {R"("input": "x", "tools": [{"name": "f"}], "tool_choice": {"type": "function", "name": "g"})",
       "tool_choice", "not among"},
  };
  for (const BadRequest& bad : cases) {
    const auto parsed = parse(bad.fields);
    const auto* error = std::get_if<ApiError>(&parsed);
    ASSERT_TRUE(error) << bad.fields;
    EXPECT_EQ(error->status, 400) << bad.fields;
    EXPECT_EQ(error->param.value_or(""), bad.param) << bad.fields;
    EXPECT_THAT(error->message, HasSubstr(bad.message)) << bad.fields;
  }
  EXPECT_EQ(std::get<ApiError>(parse(R"("input": "x", "previous_response_id": "resp_1")")).code,
            "previous_response_not_found");
  EXPECT_EQ(std::get<ApiError>(parse(R"("input": "x", "model": "other")")).status, 404);
  ServedModel base = chat_model();
  base.chat_template = chat::TemplateKind::kNone;
  EXPECT_THAT(std::get<ApiError>(parse(R"("input": "x")", base)).message, HasSubstr("template"));
}

TEST(ResponsesRequest, ImagesAreMediaAsInChat) {
  ServedModel model = chat_model();
  model.sees_images = true;
  const auto parsed = parse(R"("input": [{"role": "user", "content": [
      {"type": "input_text", "text": "x"},
      {"type": "input_image", "image_url": "data:;base64,aGVs", "detail": "high"}]}])",
                            model);
  const auto& media = std::get<ResponsesRequest>(parsed).conversation.media;
  ASSERT_EQ(media.size(), 1u);
  EXPECT_EQ(media[0].path, "input[0].content[1]");
  EXPECT_EQ(std::get<ImagePart>(media[0].part).budget, ImageBudget::k1120);
}

// What Codex 0.169 sends.
TEST(ResponsesRequest, CodexIsUnderstood) {
  const ResponsesRequest codex =
      request(R"("model": "m", "instructions": "You are Codex", "input": [
      {"type": "message", "role": "developer",
       "content": [{"type": "input_text", "text": "<permissions>"}]},
      {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list"}]}],
      "tools": [{"type": "function", "name": "exec_command", "description": "Runs", "strict": false,
                 "parameters": {"type": "object", "properties": {"cmd": {"type": "string"}},
                                "required": ["cmd"], "additionalProperties": false}},
                {"type": "namespace", "name": "mcp", "description": "", "tools": []},
                {"type": "web_search", "external_web_access": false}],
      "tool_choice": "auto", "parallel_tool_calls": true, "reasoning": {"summary": "auto"},
      "store": false, "stream": true, "include": ["reasoning.encrypted_content"],
      "prompt_cache_key": "0199", "client_metadata": {"x": "y"})");
  EXPECT_TRUE(codex.stream);
  EXPECT_FALSE(codex.store);
  EXPECT_TRUE(codex.carries_thoughts);
  EXPECT_EQ(codex.echo.at("prompt_cache_key"), "0199");
  EXPECT_EQ(codex.prompt.chat->tools.size(), 1u);
}

TEST(ResponsesRequest, LogprobsAreAskedByInclude) {
  EXPECT_FALSE(request(R"("input": "x", "top_logprobs": 2)").prompt.sampling.logprobs);
  EXPECT_EQ(
      request(R"("input": "x", "top_logprobs": 2, "include": ["message.output_text.logprobs"])")
          .prompt.sampling.logprobs,
      2u);
}

TEST(ResponsesRequest, TruncationLeavesOutTheOldestTurns) {
  std::string items = R"({"role": "developer", "content": "rules"})";
  for (int i = 0; i < 40; ++i)
    items += R"(, {"role": "user", "content": "question )" + std::to_string(i) +
             R"( is a long one about everything"}, {"role": "assistant", "content": "answer"})";
  items += R"(, {"role": "user", "content": "last"})";
  const std::string fields = "\"max_output_tokens\": 50, \"input\": [" + items + "]";
  EXPECT_GT(request(fields).prompt.prompt.size(), 1000u);
  const auto kept = request(fields + R"(, "truncation": "auto")").prompt.prompt;
  EXPECT_LE(kept.size(), 950u);
  EXPECT_GT(kept.size(), 800u);  // no more than was needed
  const std::string prompt = chat_tokenizer().decode(kept, false);
  EXPECT_THAT(prompt, HasSubstr("<|turn>system\nrules<turn|>\n<|turn>user\nquestion "));
  EXPECT_THAT(prompt, HasSubstr("last<turn|>"));
  // A maximum without room for a prompt is taken for what fits.
  const ResponsesRequest greedy = request(R"("max_output_tokens": 5000, "truncation": "auto", )"
                                          "\"input\": [" +
                                          items + "]");
  EXPECT_TRUE(greedy.prompt.fit_output);
  EXPECT_LE(greedy.prompt.prompt.size(), 750u);
  EXPECT_GT(greedy.prompt.prompt.size(), 600u);
}

// The answer to a request as it is kept.
std::shared_ptr<const StoredResponse> answered(const ResponsesRequest& request,
                                               const std::string& key,
                                               const std::vector<ServiceEvent>& events) {
  const ServedModel model = chat_model();
  ResponsesWriter writer(request, model, chat_tokenizer(), key, 1);
  Choice choice;
  for (const ServiceEvent& event : events) choice.add(event);
  writer.whole(choice, 2);
  const auto kept = writer.take_to_store();
  if (!kept) return nullptr;
  return std::make_shared<const StoredResponse>(kept->body, kept->earlier,
                                                std::make_shared<const ResponseTurn>(kept->turn));
}

ServiceEvent delta(std::vector<chat::OutputEvent> events) {
  return ChatDelta{std::move(events), std::nullopt, chat::OutputParser::Part::kNone};
}

ServiceEvent finished(Finished::Reason reason) {
  Finished end;
  end.reason = reason;
  return end;
}

TEST(StoredResponses, AreGoneOnFrom) {
  stored.clear();
  const std::string tools = R"("tools": [{"type": "function", "name": "f"}], )";
  const ResponsesRequest first = request(tools + R"("instructions": "old", "input": "x")");
  stored["resp_k1"] = answered(first, "k1",
                               {delta({chat::ThoughtBegin{}, chat::ThoughtDelta{"t"},
                                       chat::ThoughtEnd{}, chat::ToolCallBegin{0, "f"},
                                       chat::ToolCallArguments{0, "{}"}, chat::ToolCallEnd{0, ""}}),
                                finished(Finished::Reason::kToolCalls)});
  const std::string result = R"("input": [{"type": "function_call_output",
                                           "call_id": "call_k1_1", "output": "one"}])";
  const ResponsesRequest second =
      request(tools + R"("previous_response_id": "resp_k1", )" + result);
  const std::string prompt = chat_tokenizer().decode(second.prompt.prompt, false);
  EXPECT_THAT(prompt, HasSubstr("<|turn>user\nx<turn|>\n<|turn>model\n<|channel>thought\nt\n"
                                "<channel|><|tool_call>call:f{}<tool_call|><|tool_response>"
                                "response:f{value:<|\"|>one<|\"|>}<tool_response|>"));
  EXPECT_THAT(prompt, Not(HasSubstr("old")));  // as OpenAI's
  EXPECT_EQ(second.echo.at("previous_response_id"), "resp_k1");

  // A third one has both turns; all of it sent by the client, or by reference, gives the same.
  stored["resp_k2"] =
      answered(second, "k2", {delta({chat::TextDelta{"done"}}), finished(Finished::Reason::kStop)});
  const std::string chained =
      prompt_of(tools + R"("previous_response_id": "resp_k2", "input": "y")");
  EXPECT_THAT(chained, HasSubstr("<tool_response|>done<turn|>\n<|turn>user\ny<turn|>"));
  EXPECT_EQ(prompt_of(tools + R"("input": [{"type": "item_reference", "id": "msg_k1_in0"},
                {"id": "rs_k1_0"}, {"type": "item_reference", "id": "fc_k1_1"},
                {"type": "function_call_output", "call_id": "call_k1_1", "output": "one"},
                {"type": null, "id": "msg_k2_0"}, {"role": "user", "content": "y"}])"),
            chained);
  stored.clear();
}

TEST(StoredResponses, AreKeptUnlessTheClientForbidsIt) {
  const std::vector<ServiceEvent> events = {delta({chat::TextDelta{"a"}}),
                                            finished(Finished::Reason::kStop)};
  EXPECT_TRUE(answered(request(R"("input": "x")"), "k", events));
  EXPECT_FALSE(answered(request(R"("input": "x", "store": false)"), "k", events));
}

TEST(StoredResponses, ListTheirInputByPages) {
  stored.clear();
  const std::vector<ServiceEvent> events = {delta({chat::TextDelta{"a"}}),
                                            finished(Finished::Reason::kStop)};
  stored["resp_k1"] = answered(request(R"("input": "x")"), "k1", events);
  const auto response = answered(request(R"("previous_response_id": "resp_k1", "input": [
      {"role": "user", "content": "y"}, {"id": "mine", "role": "user", "content": "z"}])"),
                                 "k2", events);
  stored.clear();
  const auto page = [&](const ItemPageQuery& query) {
    const auto listed = input_items(*response, std::get<ItemPage>(read_item_page(query)));
    return json::parse(std::get<std::string>(listed));
  };
  const auto ids = [](const json::value& list) {
    std::vector<std::string> found;
    for (const json::value& item : list.at("data").as_array())
      found.emplace_back(item.at("id").as_string());
    return found;
  };
  const json::value all = page({.limit = {}, .order = "asc", .after = {}});
  EXPECT_THAT(ids(all), testing::ElementsAre("msg_k1_in0", "msg_k1_0", "msg_k2_in0", "mine"));
  EXPECT_EQ(all.at("has_more"), false);
  const json::value newest = page({.limit = "2", .order = {}, .after = {}});
  EXPECT_THAT(ids(newest), testing::ElementsAre("mine", "msg_k2_in0"));
  EXPECT_EQ(newest.at("has_more"), true);
  EXPECT_EQ(newest.at("last_id"), "msg_k2_in0");
  EXPECT_THAT(ids(page({.limit = "9", .order = "desc", .after = "msg_k2_in0"})),
              testing::ElementsAre("msg_k1_0", "msg_k1_in0"));
  EXPECT_TRUE(std::holds_alternative<ApiError>(input_items(*response, ItemPage{2, true, "none"})));
  for (const char* limit : {"0", "101", "1x", "-1", ""})
    EXPECT_TRUE(std::holds_alternative<ApiError>(
        read_item_page({.limit = limit, .order = {}, .after = {}})))
        << limit;
  EXPECT_TRUE(
      std::holds_alternative<ApiError>(read_item_page({.limit = {}, .order = "up", .after = {}})));
}

}  // namespace
}  // namespace g4::api
