// Parsing of completion and chat requests, and streams that join to the whole answer.
#include "api/completions.h"

#include <gmock/gmock.h>

#include <random>

#include "api/chat_completions.h"
#include "text/test_vocabulary.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    TestVocabulary vocabulary;
    vocabulary.merge("a", "b");
    for (const char* control : {"<|turn>", "<turn|>", "<|channel>", "<channel|>"})
      vocabulary.add(control, VocabularySource::Kind::kControl);
    return std::move(Tokenizer::create(vocabulary.source)).value();
  }();
  return made;
}

ServedModel served() {
  ServedModel model;
  model.id = "toy";
  model.context_tokens_max = 1000;
  model.chat_template = chat::TemplateKind::kGemma4;
  return model;
}

ApiError completion_error(std::string_view body) {
  auto parsed = parse_completion(body, served(), tokenizer());
  const auto* error = std::get_if<ApiError>(&parsed);
  EXPECT_TRUE(error) << body;
  return error ? *error : ApiError{};
}

ApiError chat_error(std::string_view body) {
  auto parsed = parse_chat(body, served(), tokenizer());
  const auto* error = std::get_if<ApiError>(&parsed);
  EXPECT_TRUE(error) << body;
  return error ? *error : ApiError{};
}

struct BadRequest {
  std::string_view body, param, message;
};

TEST(Completions, ErrorsNameTheField) {
  const BadRequest cases[] = {
      {R"({})", "prompt", "required"},
      {R"({"prompt": 7})", "prompt", "string"},
      {R"({"prompt": []})", "prompt", "string"},
      {R"({"prompt": [{}]})", "prompt", "string"},
      {R"({"prompt": [-1]})", "prompt", "token ids"},
      {R"({"prompt": [99999999]})", "prompt", "token ids"},
      {R"({"prompt": "a", "temperature": 3})", "temperature", "0 to 2"},
      {R"({"prompt": "a", "temperature": "hot"})", "temperature", "number"},
      {R"({"prompt": "a", "top_p": -0.1})", "top_p", "0 to 1"},
      {R"({"prompt": "a", "max_tokens": -2})", "max_tokens", "is -2, expected 0 or more"},
      {R"({"prompt": "a", "max_tokens": "4"})", "max_tokens", "a whole number, 0 or more"},
      {R"({"prompt": "a", "max_tokens": 0})", "max_tokens", "echo"},
      {R"({"prompt": "a", "n": 0})", "n", "1 to 128"},
      {R"({"prompt": "a", "best_of": 4})", "best_of", "not supported"},
      {R"({"prompt": "a", "suffix": "z"})", "suffix", "not supported"},
      {R"({"prompt": "a", "logit_bias": {"x": 1}})", "logit_bias", "token id"},
      {R"({"prompt": "a", "logit_bias": {"5": 1000}})", "logit_bias", "-100 to 100"},
      {R"({"prompt": "a", "stop": [""]})", "stop", "empty"},
      {R"({"prompt": "a", "stop": [1]})", "stop", "list of strings"},
      {R"({"prompt": "a", "stream": "yes"})", "stream", "true or false"},
      {R"({"prompt": "a", "guided_json": 1})", "guided_json", "JSON schema"},
      {R"({"prompt": "a", "guided_json": {"type": "array", "contains": {}}})", "guided_json",
       "#/contains"},
      {R"x({"prompt": "a", "guided_regex": "(?=a)"})x", "guided_regex", "not supported"},
      {R"({"prompt": "a", "structured_outputs": {"choice": [1]}})", "structured_outputs.choice",
       "list of texts"},
      {R"({"prompt": "a", "structured_outputs": {"structural_tag": "x"}})",
       "structured_outputs.structural_tag", "not supported"},
      {R"({"prompt": "a", "structured_outputs": {"choises": ["b"]}})", "structured_outputs",
       "\"structured_outputs.choises\" says no form"},
      {R"({"prompt": "a", "guided_regex": "a", "guided_choice": ["a"]})", "guided_choice",
       "both say"},
      {R"({"prompt": "a", "repetition_detection": 1})", "repetition_detection", "false or"},
      {R"({"prompt": "a", "repetition_detection": {"min_count": 1}})",
       "repetition_detection.min_count", "expected 2"},
      {R"({"prompt": "a", "model": "other"})", "model", "not served"},
      {R"({"prompt": "a", "stream_options": 1})", "stream_options", "object"},
      {R"({"prompt": "a", "stream_options": {"include_usage": 1}})", "stream_options.include_usage",
       "true or false"},
  };
  for (const BadRequest& bad : cases) {
    const ApiError error = completion_error(bad.body);
    EXPECT_EQ(error.param.value_or(""), bad.param) << bad.body;
    EXPECT_THAT(error.message, HasSubstr(std::string(bad.message))) << bad.body;
  }
  EXPECT_THAT(completion_error("{").message, HasSubstr("not valid JSON"));
  EXPECT_THAT(completion_error("[1]").message, HasSubstr("object"));
  EXPECT_THAT(completion_error(R"({"prompt":"a","x":1e999})").message, HasSubstr("too large"));
  EXPECT_EQ(completion_error(R"({"prompt": "a", "model": "other"})").status, 404);
}

TEST(Chat, ErrorsNameTheField) {
  const BadRequest cases[] = {
      {R"({})", "messages", "required"},
      {R"({"messages": [{"role": "king", "content": "x"}]})", "messages[0].role", "role"},
      {R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]})",
       "messages[0].content[0]", "text only"},
      {R"({"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]})",
       "tools[0].function", "missing"},
      {R"({"messages": [{"role": "user", "content": "x"}], "tool_choice": "required"})",
       "tool_choice", "has none"},
      {R"({"messages": [{"role": "user", "content": "x"}], "top_logprobs": 3})", "top_logprobs",
       "needs"},
      {R"({"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "xml"}})",
       "response_format.type", "json_schema"},
      {R"({"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_schema", "json_schema": {"name": "n"}}})",
       "response_format.json_schema.schema", "required"},
      {R"({"messages": [{"role": "user", "content": "x"}], "response_format": {"type": "json_schema", "json_schema": {"schema": {"properties": {"a": {"uniqueItems": true}}}}}})",
       "response_format.json_schema.schema", "#/properties/a/uniqueItems"},
      {R"({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"enable_thinking": 1}})",
       "chat_template_kwargs.enable_thinking", "true or false"},
      {R"({"messages": [{"role": "user", "content": "x"}], "reasoning_effort": "utmost"})",
       "reasoning_effort", "expected none"},
  };
  for (const BadRequest& bad : cases) {
    const ApiError error = chat_error(bad.body);
    EXPECT_EQ(error.param.value_or(""), bad.param) << bad.body;
    EXPECT_THAT(error.message, HasSubstr(std::string(bad.message))) << bad.body;
  }
}

TEST(Chat, BaseModelHasNoTemplateAndSaysSo) {
  ServedModel base = served();
  base.chat_template = chat::TemplateKind::kNone;
  auto parsed =
      parse_chat(R"({"messages": [{"role": "user", "content": "x"}]})", base, tokenizer());
  ASSERT_TRUE(std::holds_alternative<ApiError>(parsed));
  EXPECT_THAT(std::get<ApiError>(parsed).message, HasSubstr("template"));
}

// LM Studio's and llama.cpp's way to say that there is no limit.
TEST(Completions, MinusOneTokenIsNoLimit) {
  const auto most = [](const std::string& field) {
    const auto parsed = parse_completion(R"({"prompt": "a")" + field + "}", served(), tokenizer());
    return std::get<CompletionRequest>(parsed).prompts.front().output_tokens_max;
  };
  EXPECT_EQ(most(R"(, "max_tokens": -1)"), std::nullopt);
  EXPECT_EQ(most(R"(, "max_tokens": 3)"), 3U);
  EXPECT_EQ(most(""), 16U);
}

TEST(Completions, PromptFormsAndBos) {
  const auto bos = *tokenizer().bos();
  const auto prompts = [](std::string_view body) {
    auto parsed = parse_completion(body, served(), tokenizer());
    EXPECT_TRUE(std::holds_alternative<CompletionRequest>(parsed)) << body;
    std::vector<std::vector<TokenId>> ids;
    for (const auto& prompt : std::get<CompletionRequest>(parsed).prompts)
      ids.push_back(prompt.prompt);
    return ids;
  };
  const auto one = prompts(R"({"prompt": "ab"})");
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].front(), bos);
  EXPECT_EQ(prompts(R"({"prompt": "<bos>ab"})"), one);  // never twice
  EXPECT_EQ(prompts(R"({"prompt": ["ab", "ab"]})").size(), 2U);
  EXPECT_EQ(prompts(R"({"prompt": [5, 6]})"), (std::vector<std::vector<TokenId>>{{5, 6}}));
  EXPECT_EQ(prompts(R"({"prompt": [[5], [6, 7]]})"),
            (std::vector<std::vector<TokenId>>{{5}, {6, 7}}));
  EXPECT_NE(prompts(R"({"prompt": "ab", "add_special_tokens": false})")[0].front(), bos);
  EXPECT_EQ(prompts(R"({"prompt": [5, 6, 7], "truncate_prompt_tokens": 2})")[0],
            (std::vector<TokenId>{6, 7}));
}

TEST(Completions, TruncatedPromptKeepsItsBosAndEchoesWhatIsLeft) {
  const auto ask = [](std::string fields) {
    auto parsed = parse_completion(
        "{\"truncate_prompt_tokens\": 3, \"echo\": true, \"logprobs\": 0," + fields + "}", served(),
        tokenizer());
    const auto& request = std::get<CompletionRequest>(parsed);
    const ServedModel model = served();
    CompletionWriter writer(request, model, tokenizer(), "x", 1);
    Choice choice;
    for (const TokenId id : std::span(request.prompts[0].prompt).subspan(1))
      choice.prompt_logprobs.push_back({.id = id, .logprob = -1, .rank = 1, .top = {}});
    const TokenId y = tokenizer().encode("y", Tokenizer::Special::kText).front();
    choice.add(TextDelta{"y", {{.id = y, .logprob = 0, .rank = 0, .top = {}}}});
    choice.finished.emplace().reason = Finished::Reason::kStop;
    return json::parse(writer.whole({&choice, 1})).at("choices").at(0);
  };
  const json::value text = ask(R"("prompt": "vwxz")");
  EXPECT_EQ(text.at("text"), "xzy");
  EXPECT_EQ(text.at("logprobs").at("tokens"), (json::array{"<bos>", "x", "z", "y"}));
  EXPECT_EQ(text.at("logprobs").at("text_offset"), (json::array{0, 0, 1, 2}));
  EXPECT_EQ(text.at("prompt_logprobs").as_array().size(), 3U);

  const json::value written = ask(R"("prompt": "<bos>vwxz")");  // by the client: it sees it again
  EXPECT_EQ(written.at("text"), "<bos>xzy");
  EXPECT_EQ(written.at("logprobs").at("text_offset"), (json::array{0, 5, 6, 7}));

  const json::value bare = ask(R"("prompt": "vwxz", "add_special_tokens": false)");
  EXPECT_EQ(bare.at("text"), "wxzy");
  EXPECT_EQ(bare.at("logprobs").at("text_offset"), (json::array{0, 1, 2, 3}));

  const json::value whole = ask(R"("prompt": "vw")");  // short enough
  EXPECT_EQ(whole.at("text"), "vwy");
  EXPECT_EQ(whole.at("logprobs").at("text_offset"), (json::array{0, 0, 1, 2}));
}

TEST(Chat, TruncatedPromptKeepsItsBos) {
  const auto ids = [](const char* fields) {
    auto parsed = parse_chat(
        std::string(R"({"messages": [{"role": "user", "content": "hi"}])") + fields + "}", served(),
        tokenizer());
    return std::get<ChatRequest>(parsed).prompt.prompt;
  };
  const std::vector<TokenId> whole = ids("");
  ASSERT_GT(whole.size(), 4U);
  std::vector<TokenId> wanted(whole.end() - 3, whole.end());
  wanted.insert(wanted.begin(), *tokenizer().bos());
  EXPECT_EQ(ids(R"(, "truncate_prompt_tokens": 4)"), wanted);
}

// Random events of one choice: text of whole characters in pieces, tokens with logprobs.
std::vector<ServiceEvent> random_events(std::mt19937& random, bool scored) {
  std::vector<ServiceEvent> events;
  const auto token = [&] {
    SampledToken t;
    t.id = static_cast<TokenId>(4 + random() % 200);
    t.logprob = -static_cast<float>(random() % 1000) / 100;
    t.rank = 1;
    t.top.push_back({t.id, t.logprob});
    return t;
  };
  if (scored) events.emplace_back(PromptScored{{token(), token()}});
  const char* pieces[] = {"", "a", "Ünï", "\u2028", "\"quoted\\", "\n", "終"};
  std::uint64_t output = 0;
  for (auto i = random() % 12; i > 0; --i) {
    TextDelta delta{pieces[random() % std::size(pieces)], {}};
    for (auto j = 1 + random() % 2; j > 0; --j) delta.tokens.push_back(token());
    output += delta.tokens.size();
    events.emplace_back(delta);
  }
  Finished finished;
  finished.reason = random() % 2 ? Finished::Reason::kStop : Finished::Reason::kLength;
  finished.prompt_tokens = 3;
  finished.output_tokens = output;
  events.emplace_back(finished);
  return events;
}

// Text, logprob entries, token ids and finish reason that a stream of chunks adds up to.
struct Joined {
  std::string text;
  json::array tokens, offsets, ids;
  json::value finish;
  bool scored = false;
  void add(const json::object& choice) {
    if (const auto* list = choice.if_contains("prompt_logprobs"))
      scored = list->as_array().size() == 3;
    text += std::string_view(choice.at("text").as_string());
    if (choice.at("logprobs").is_object()) {
      for (const auto& t : choice.at("logprobs").at("token_logprobs").as_array())
        tokens.push_back(t);
      for (const auto& t : choice.at("logprobs").at("text_offset").as_array()) offsets.push_back(t);
    }
    if (const auto* list = choice.if_contains("token_ids"))
      for (const auto& t : list->as_array()) ids.push_back(t);
    if (!choice.at("finish_reason").is_null()) finish = choice.at("finish_reason");
  }
};

TEST(Completions, StreamJoinsToWhole) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const bool echo = random() % 2, logprobs = random() % 2, ids = random() % 2;
    const std::string body = std::string(R"({"prompt": [5, 6, 7], "n": 2, "echo": )") +
                             (echo ? "true" : "false") + (logprobs ? R"(, "logprobs": 1)" : "") +
                             R"(, "return_token_ids": )" + (ids ? "true}" : "false}");
    auto parsed = parse_completion(body, served(), tokenizer());
    const auto& request = std::get<CompletionRequest>(parsed);
    const ServedModel model = served();
    CompletionWriter streamed(request, model, tokenizer(), "x", 1);
    CompletionWriter whole(request, model, tokenizer(), "x", 1);
    std::vector<Choice> choices(2);
    std::vector<Joined> joined(2);
    // Events of both choices in any order; only the first is scored.
    std::vector<ServiceEvent> events[2] = {random_events(random, echo && logprobs),
                                           random_events(random, false)};
    for (std::size_t at[2] = {0, 0}; at[0] < events[0].size() || at[1] < events[1].size();) {
      std::size_t i = random() % 2;
      if (at[i] == events[i].size()) i = 1 - i;
      const ServiceEvent& event = events[i][at[i]++];
      choices[i].add(event);
      for (const std::string& chunk : streamed.chunks(i, event)) {
        const json::value value = json::parse(chunk);
        const json::object& choice = value.at("choices").at(0).as_object();
        joined.at(choice.at("index").to_number<std::size_t>()).add(choice);
      }
    }
    const json::value answer = json::parse(whole.whole(choices));
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(joined[i].scored, echo && logprobs);
      Joined once;
      once.add(answer.at("choices").at(i).as_object());
      EXPECT_EQ(joined[i].text, once.text);
      EXPECT_EQ(joined[i].tokens, once.tokens);
      EXPECT_EQ(joined[i].offsets, once.offsets);
      EXPECT_EQ(joined[i].ids, once.ids);
      EXPECT_EQ(joined[i].finish, once.finish);
    }
  }
}

TEST(Chat, StreamJoinsToWhole) {
  std::mt19937 random(8);
  for (int round = 0; round < 300; ++round) {
    const char* body = R"({"messages": [{"role": "user", "content": "hi"}], "logprobs": true,
                           "stream_options": {"include_usage": true}})";
    auto parsed = parse_chat(body, served(), tokenizer());
    const auto& request = std::get<ChatRequest>(parsed);
    const ServedModel model = served();
    ChatWriter streamed(request, model, tokenizer(), "x", 1),
        whole(request, model, tokenizer(), "x", 1);
    std::vector<Choice> choices(1);
    std::string text;
    json::array logprobs;
    json::value finish, usage;
    std::vector<std::string> chunks;
    for (const ServiceEvent& event : random_events(random, false)) {
      choices[0].add(event);
      for (std::string& chunk : streamed.chunks(0, event)) chunks.push_back(std::move(chunk));
    }
    for (std::string& chunk : streamed.last_chunks()) chunks.push_back(std::move(chunk));
    ASSERT_EQ(json::parse(chunks.front()).at("choices").at(0).at("delta").at("role"), "assistant");
    for (const std::string& chunk : chunks) {
      const json::value value = json::parse(chunk);
      if (value.at("usage").is_object()) usage = value.at("usage");
      if (value.at("choices").as_array().empty()) continue;
      const json::value& choice = value.at("choices").at(0);
      if (const auto* content = choice.at("delta").as_object().if_contains("content"))
        text += std::string_view(content->as_string());
      if (choice.at("logprobs").is_object())
        for (const auto& t : choice.at("logprobs").at("content").as_array()) logprobs.push_back(t);
      if (!choice.at("finish_reason").is_null()) finish = choice.at("finish_reason");
    }
    const json::value answer = json::parse(whole.whole(choices));
    const json::value& choice = answer.at("choices").at(0);
    EXPECT_EQ(text, choice.at("message").at("content").as_string());
    EXPECT_EQ(logprobs, choice.at("logprobs").at("content").as_array());
    EXPECT_EQ(finish, choice.at("finish_reason"));
    EXPECT_EQ(usage, answer.at("usage"));
  }
}

TEST(Completions, AnswersOfOneRequestAreBounded) {
  std::string prompts = "[5]";
  for (int i = 1; i < 9; ++i) prompts += ",[5]";
  const ApiError error = completion_error("{\"prompt\": [" + prompts + "], \"n\": 128}");
  EXPECT_EQ(error.param.value_or(""), "n");
  EXPECT_THAT(error.message, HasSubstr("1024"));
}

TEST(Completions, ScoresOfPromptsAreBounded) {
  const auto ask = [](std::size_t tokens, const char* fields) {
    json::array ids(tokens, json::value(5));
    auto parsed = parse_completion("{\"prompt\": " + json::serialize(ids) + "," + fields + "}",
                                   served(), tokenizer());
    const auto* error = std::get_if<ApiError>(&parsed);
    return error ? error->param : "";
  };
  EXPECT_EQ(ask(5000, R"("prompt_logprobs": 99, "n": 2)"), "");  // a million
  EXPECT_EQ(ask(5001, R"("prompt_logprobs": 99, "n": 2)"), "prompt_logprobs");
  EXPECT_EQ(ask(5000, R"("logprobs": 99, "n": 2, "echo": true)"), "prompt_logprobs");
  EXPECT_EQ(ask(5001, R"("logprobs": 99, "n": 2)"), "");  // the answer's only
}

TEST(Completions, SeedsOfChoicesDiffer) {
  auto parsed = parse_completion(R"({"prompt": "a", "seed": 5, "n": 2})", served(), tokenizer());
  const auto& request = std::get<CompletionRequest>(parsed);
  EXPECT_EQ(request.choice(0).sampling.seed, 5U);
  EXPECT_EQ(request.choice(1).sampling.seed, 6U);
}

// A thousand answers must not be a thousand copies of what the body says.
TEST(Completions, ChoicesShareTheirLists) {
  auto parsed = parse_completion(
      R"({"prompt": ["a", "b"], "n": 2, "logit_bias": {"5": 1}, "allowed_token_ids": [7, 5, 7],
          "stop": ["x"], "stop_token_ids": [9, 9, 8]})",
      served(), tokenizer());
  const auto& request = std::get<CompletionRequest>(parsed);
  ASSERT_EQ(request.choices(), 4U);
  const GenerateRequest first = request.choice(0);
  EXPECT_THAT(*first.sampling.allowed_tokens, testing::ElementsAre(5, 7));
  EXPECT_THAT(first.stop_tokens, testing::ElementsAre(8, 9));
  for (std::size_t i = 1; i < 4; ++i) {
    const GenerateRequest other = request.choice(i);
    EXPECT_EQ(other.sampling.logit_bias.data(), first.sampling.logit_bias.data());
    EXPECT_EQ(other.sampling.allowed_tokens->data(), first.sampling.allowed_tokens->data());
    EXPECT_EQ(other.stop.data(), first.stop.data());
    EXPECT_EQ(other.stop_tokens.data(), first.stop_tokens.data());
  }
}

TEST(Completions, OneChoiceOfAPromptIsScored) {
  auto parsed = parse_completion(R"({"prompt": ["a", "b"], "n": 2, "prompt_logprobs": 3})",
                                 served(), tokenizer());
  const auto& request = std::get<CompletionRequest>(parsed);
  EXPECT_EQ(request.choice(0).prompt_logprobs, 3U);
  EXPECT_EQ(request.choice(1).prompt_logprobs, std::nullopt);
  EXPECT_EQ(request.choice(2).prompt_logprobs, 3U);
  EXPECT_EQ(request.choice(3).prompt_logprobs, std::nullopt);
}

TEST(Logprobs, WholeShapes) {
  SampledToken token{.id = 5, .logprob = -0.5F, .rank = 2, .top = {{6, -0.1F}}};
  const json::array list = prompt_logprobs({&token, 1}, tokenizer());
  ASSERT_EQ(list.size(), 2U);
  EXPECT_TRUE(list[0].is_null());
  EXPECT_EQ(list[1].at("5").at("rank"), 2);
  EXPECT_EQ(list[1].at("6").at("rank"), 1);
  token.logprob = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(finite_logprob(token.logprob), -9999.0);
}

TEST(Errors, BodyServesBothFamilies) {
  const json::value body = json::parse(error_body(invalid("a.b", "wrong")));
  EXPECT_EQ(body.at("error").at("type"), "invalid_request_error");
  EXPECT_EQ(body.at("error").at("param"), "a.b");
  EXPECT_TRUE(body.at("error").at("code").is_null());
  EXPECT_EQ(body.at("status"), 400);
  EXPECT_THAT(std::string(body.at("detail").as_string()), HasSubstr("a.b"));
  EXPECT_EQ(refused({Refusal::Kind::kQueueFull, "full"}).status, 429);
  EXPECT_EQ(refused({Refusal::Kind::kTooLong, "long"}).code, "context_length_exceeded");
}

}  // namespace
}  // namespace g4::api
