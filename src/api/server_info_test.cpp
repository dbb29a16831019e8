#include "api/server_info.h"

#include <gmock/gmock.h>

#include "api/test_chat.h"

namespace g4::api {
namespace {

namespace json = boost::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Optional;
using testing::StartsWith;

ServedModel seeing_model() {
  ServedModel model = chat_model();
  model.id = "google/gemma";
  model.created = 1732412345;
  model.sees_images = true;
  model.parallel = 3;
  model.context_tokens_trained = 262144;
  model.hidden = 2816;
  return model;
}

TEST(ServerInfo, TheModelInTheWordsOfAllClients) {
  const json::object body = json::parse(model_list(seeing_model(), chat_tokenizer())).as_object();
  EXPECT_EQ(body.at("object"), "list");
  EXPECT_EQ(body.at("data").as_array().size(), 1U);
  EXPECT_EQ(body.at("results"), body.at("data"));
  EXPECT_TRUE(body.at("next").is_null() && body.at("previous").is_null());
  EXPECT_EQ(body.at("has_more"), false);
  EXPECT_EQ(body.at("last_id"), "google/gemma");
  const json::object& model = body.at("data").at(0).as_object();
  EXPECT_EQ(model.at("id"), "google/gemma");
  EXPECT_EQ(model.at("object"), "model");
  for (const char* key : {"max_model_len", "max_input_tokens", "max_tokens"})
    EXPECT_EQ(model.at(key), 1000) << key;
  EXPECT_EQ(model.at("permission").at(0).at("allow_sampling"), true);
  EXPECT_EQ(model.at("created_at"), "2024-11-24T01:39:05Z");
  EXPECT_EQ(model.at("meta"), (json::object{{"n_vocab", chat_tokenizer().size()},
                                            {"n_ctx", 1000},
                                            {"n_ctx_train", 262144},
                                            {"n_embd", 2816}}));
  EXPECT_EQ(model.at("architecture").at("input_modalities"),
            (json::array{"text", "image", "video"}));
  const auto alone = model_by_id("google/gemma", seeing_model(), chat_tokenizer());
  EXPECT_EQ(json::parse(std::get<std::string>(alone)), json::value(model));
}

TEST(ServerInfo, AnotherModelIsNotFound) {
  const auto other = model_by_id("x", seeing_model(), chat_tokenizer());
  EXPECT_EQ(std::get<ApiError>(other).status, 404);
  EXPECT_EQ(std::get<ApiError>(other).code, "model_not_found");
}

TEST(ServerInfo, PropsOfAModelThatChats) {
  ServedModel model = seeing_model();
  model.defaults.temperature = 0.5F;
  const json::object body = json::parse(props(model, chat_tokenizer())).as_object();
  const json::value& settings = body.at("default_generation_settings");
  EXPECT_EQ(settings.at("n_ctx"), 1000);
  EXPECT_EQ(settings.at("params").at("temperature"), 0.5);
  EXPECT_EQ(settings.at("params").at("top_p"), 0.95);
  EXPECT_EQ(settings.at("params").at("top_k"), 64);
  EXPECT_EQ(settings.at("params").at("seed"), 4294967295);
  EXPECT_EQ(body.at("total_slots"), 3);
  EXPECT_EQ(body.at("model_path"), "google/gemma");
  EXPECT_EQ(body.at("modalities"), (json::object{{"vision", true}, {"audio", false}}));
  EXPECT_EQ(body.at("chat_template_caps").at("supports_tools"), true);
  EXPECT_EQ(body.at("bos_token"), "<bos>");
  EXPECT_THAT(std::string(body.at("build_info").as_string()), StartsWith("gemma4.cpp "));
}

TEST(ServerInfo, ABaseModelHasNoChatAbilities) {
  ServedModel model;
  model.id = "m";
  const json::object body = json::parse(props(model, chat_tokenizer())).as_object();
  for (const auto& [name, able] : body.at("chat_template_caps").as_object())
    EXPECT_EQ(able, false) << std::string_view(name);
  EXPECT_EQ(body.at("modalities").at("vision"), false);
}

TEST(ServerInfo, WhatIsNotOfferedIsNamedWithWhatToUse) {
  EXPECT_THAT(
      not_offered("/v1/embeddings"),
      Optional(AllOf(StartsWith("/v1/embeddings is not offered: this model makes text only"),
                     HasSubstr("EmbeddingGemma"))));
  EXPECT_THAT(not_offered("/v1/images/generations"), Optional(HasSubstr("/v1/chat/completions")));
  EXPECT_THAT(not_offered("/api/chat"), Optional(HasSubstr("Ollama")));
  for (const char* path :
       {"/embeddings", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/moderations",
        "/v1/rerank", "/rerank", "/score", "/v1/files/f-1", "/v1/batches", "/v1/threads/t/runs",
        "/completion", "/v1/v1/messages", "/chat/completions"})
    EXPECT_TRUE(not_offered(path)) << path;
  for (const char* path : {"/", "", "/v1/embeddingsx", "/v1", "/v1/chat/completions", "/nowhere"})
    EXPECT_FALSE(not_offered(path)) << path;
}

}  // namespace
}  // namespace g4::api
