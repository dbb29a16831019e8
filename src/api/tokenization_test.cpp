// /tokenize and /detokenize, as vLLM and llama-server spell them.
#include "api/tokenization.h"

#include <gtest/gtest.h>

#include "api/chat_completions.h"
#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;

// The whole of /tokenize for a request without media.
Parsed<std::string> tokens_of(std::string_view body, const ServedModel& model,
                              const Tokenizer& vocabulary) {
  const auto parsed = parse_tokenize(body, model, vocabulary);
  if (const auto* error = std::get_if<ApiError>(&parsed)) return *error;
  return tokenize_answer(std::get<TokenizeRequest>(parsed), model, vocabulary);
}

TEST(Tokenization, ConversationsAreRefusedAsChatRefusesThem) {
  const char* bodies[] = {
      R"({"messages": [{"role": "king", "content": "x"}]})",
      R"({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]})",
      R"({"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function"}]})",
      R"({"messages": [{"role": "user", "content": "x"}], "chat_template": "{{ x }}"})",
      R"({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": 1})",
      R"({"messages": [{"role": "user", "content": "x"}], "chat_template_kwargs": {"enable_thinking": 1}})",
      R"({"messages": [{"role": "user", "content": "x"}], "reasoning_effort": "utmost"})",
      R"({"messages": [{"role": "user", "content": "x"}], "continue_final_message": true})",
  };
  for (const char* body : bodies) {
    const auto refused = parse_chat(body, chat_model(), chat_tokenizer());
    ASSERT_TRUE(std::holds_alternative<ApiError>(refused)) << body;
    const ApiError& wanted = std::get<ApiError>(refused);
    const auto parsed = tokens_of(body, chat_model(), chat_tokenizer());
    ASSERT_TRUE(std::holds_alternative<ApiError>(parsed)) << body;
    EXPECT_EQ(std::get<ApiError>(parsed).param, wanted.param) << body;
    EXPECT_EQ(std::get<ApiError>(parsed).message, wanted.message) << body;
  }
}

TEST(Tokenization, ConversationsCountAsChatCountsThem) {
  const char* body = R"({"messages": [{"role": "user", "content": "x"},
                                      {"role": "assistant", "content": "y"}],
                         "continue_final_message": true})";
  const auto chat = parse_chat(body, chat_model(), chat_tokenizer());
  const auto counted = tokens_of(body, chat_model(), chat_tokenizer());
  const std::vector<TokenId>& ids = std::get<ChatRequest>(chat).prompt.prompt;
  EXPECT_EQ(json::parse(std::get<std::string>(counted)).at("tokens"),
            json::value(json::array(ids.begin(), ids.end())));
}

TEST(Tokenization, BothServersShapes) {
  const auto ask =
      [](Parsed<std::string> (*call)(std::string_view, const ServedModel&, const Tokenizer&),
         std::string_view body) {
        auto parsed = call(body, chat_model(), chat_tokenizer());
        EXPECT_TRUE(std::holds_alternative<std::string>(parsed)) << body;
        return json::parse(std::get<std::string>(parsed));
      };
  const json::value vllm = ask(tokens_of, R"({"prompt": "ab", "return_token_strs": true})");
  EXPECT_EQ(vllm.at("count").to_number<std::size_t>(), vllm.at("tokens").as_array().size());
  EXPECT_EQ(vllm.at("max_model_len"), 1000);
  EXPECT_EQ(vllm.at("token_strs").as_array().size(), vllm.at("tokens").as_array().size());
  const json::value llama = ask(tokens_of, R"({"content": "ab", "with_pieces": true})");
  EXPECT_TRUE(llama.at("tokens").at(0).at("piece").is_string());
  const std::string back = R"({"tokens": )" +
                           json::serialize(ask(tokens_of, R"({"content": "ab é"})").at("tokens")) +
                           "}";
  EXPECT_EQ(ask(detokenize, back).at("prompt"), "ab é");
  EXPECT_EQ(ask(detokenize, back).at("content"), "ab é");
  const json::value chat = ask(tokens_of, R"({"messages": [{"role": "user", "content": "x"}]})");
  EXPECT_GT(chat.at("count").to_number<std::size_t>(), 5U);
}

}  // namespace
}  // namespace g4::api
