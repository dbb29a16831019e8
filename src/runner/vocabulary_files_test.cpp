// What vocabulary_from takes from small files, and what it refuses.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "runner/vocabulary.h"
#include "weights/test_files.h"

namespace g4 {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;
using Strings = std::vector<std::string>;

struct SmallGguf {
  std::string model = "gemma4";
  Strings tokens = {"<pad>", "<eos>", "<bos>", "<|tool_response>", "<turn|>", "a", "b", "ab"};
  std::vector<std::int32_t> types = {3, 3, 3, 4, 3, 1, 1, 1};
  Strings merges = {"a b"};
  std::uint32_t bos = 2;
  bool space_prefix = false;

  SmallGguf() {
    for (int byte = 0; byte < 256; ++byte) {
      tokens.push_back(fmt::format("<0x{:02X}>", byte));
      types.push_back(6);
    }
  }

  Result<Checkpoint> open() const {
    test::GgufBytes out;
    out.header(1, 9).string("tokenizer.ggml.model", model);
    out.array("tokenizer.ggml.tokens", test::kString, tokens.size());
    for (const std::string& token : tokens) out.text(token);
    out.array("tokenizer.ggml.token_type", test::kI32, types.size());
    for (const std::int32_t type : types) out.raw(type);
    out.array("tokenizer.ggml.scores", test::kF32, tokens.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) out.raw(-static_cast<float>(i));
    out.array("tokenizer.ggml.merges", test::kString, merges.size());
    for (const std::string& merge : merges) out.text(merge);
    out.value("tokenizer.ggml.bos_token_id", test::kU32, bos);
    out.value("tokenizer.ggml.eos_token_id", test::kU32, std::uint32_t{1});
    out.value("tokenizer.ggml.add_space_prefix", test::kBool, std::uint8_t{space_prefix});
    out.string("tokenizer.chat_template", "{{ x }}");
    out.tensor("t", {8}, 0, 0).pad().data(32);
    return Checkpoint::open(folder_.write("small.gguf", out.str()));
  }

  std::string refusal() const {
    const Result<Checkpoint> checkpoint = open();
    if (!checkpoint) return "not even opened: " + checkpoint.error().message;
    const Result<Tokenizer> tokenizer = load_tokenizer(*checkpoint);
    return tokenizer ? "it was accepted" : tokenizer.error().message;
  }

 private:
  test::TempFolder folder_;
};

TEST(GgufVocabulary, TakesTokensIdsStopsAndTemplate) {
  const Result<Checkpoint> checkpoint = SmallGguf().open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const Result<Tokenizer> tokenizer = load_tokenizer(*checkpoint);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_THAT(tokenizer->encode("ab"), ElementsAre(7));
  EXPECT_EQ(tokenizer->bos(), 2);
  EXPECT_EQ(tokenizer->eos(), 1);
  EXPECT_EQ(tokenizer->pad(), std::nullopt);
  EXPECT_THAT(tokenizer->stop(), ElementsAre(1, 3, 4));
  EXPECT_EQ(tokenizer->chat_template(), "{{ x }}");
}

TEST(GgufVocabulary, ScoresOfModelLlama) {
  SmallGguf file;
  file.model = "llama";
  file.merges = {"not used"};
  const Result<Checkpoint> checkpoint = file.open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const Result<Tokenizer> tokenizer = load_tokenizer(*checkpoint);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_THAT(tokenizer->encode("ab"), ElementsAre(7));
}

TEST(GgufVocabulary, Refuses) {
  const auto refusal = [](auto change) {
    SmallGguf file;
    change(file);
    return file.refusal();
  };
  EXPECT_EQ(SmallGguf().refusal(), "it was accepted");
  EXPECT_THAT(refusal([](auto& f) { f.model = "gpt2"; }), HasSubstr("\"gpt2\" is not supported"));
  EXPECT_THAT(refusal([](auto& f) { f.types[0] = 9; }), HasSubstr("unknown token type 9"));
  EXPECT_THAT(refusal([](auto& f) { f.types.pop_back(); }), HasSubstr("263 token types"));
  EXPECT_THAT(refusal([](auto& f) { f.bos = 4000; }), HasSubstr("bos_token_id is 4000"));
  EXPECT_THAT(refusal([](auto& f) { f.merges = {"ab"}; }), HasSubstr("merge 0 is not two tokens"));
  EXPECT_THAT(refusal([](auto& f) { f.merges = {"a  b"}; }), HasSubstr("merge 0 is not two"));
  // No token "ba": the merge can never apply, and is passed over.
  EXPECT_EQ(refusal([](auto& f) { f.merges = {"a b", "b a"}; }), "it was accepted");
  EXPECT_THAT(refusal([](auto& f) { f.model = "llama", f.space_prefix = true; }),
              HasSubstr("a space in front"));
}

class FolderVocabulary : public testing::Test {
 protected:
  FolderVocabulary() {
    folder_.write("config.json", R"({"model_type":"gemma4"})");
    folder_.write(
        "model.safetensors",
        test::safetensors_bytes(R"({"t":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8));
    json::object vocab;
    for (const char* token : {"<pad>", "<eos>", "<bos>", "<turn|>", "a", "b", "ab"})
      vocab[token] = vocab.size();
    for (int byte = 0; byte < 256; ++byte) vocab[fmt::format("<0x{:02X}>", byte)] = vocab.size();
    const json::object document = {
        {"added_tokens", json::array{{{"id", 1}, {"content", "<eos>"}, {"special", true}},
                                     {{"id", 3}, {"content", "<turn|>"}, {"special", true}}}},
        {"normalizer",
         {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}},
        {"model",
         {{"type", "BPE"},
          {"byte_fallback", true},
          {"vocab", vocab},
          {"merges", json::array{"a b"}}}}};
    folder_.write("tokenizer.json", json::serialize(document));
  }

  Result<Tokenizer> load() const {
    const Result<Checkpoint> checkpoint = Checkpoint::open(folder_.path());
    if (!checkpoint) return checkpoint.error();
    return load_tokenizer(*checkpoint);
  }

  test::TempFolder folder_;
};

TEST_F(FolderVocabulary, TakesStopsOfGenerationConfig) {
  folder_.write("generation_config.json", R"({"eos_token_id":[1,5]})");
  const Result<Tokenizer> tokenizer = load();
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_THAT(tokenizer->encode("ab"), ElementsAre(6));
  EXPECT_THAT(tokenizer->stop(), ElementsAre(1, 3, 5));
  EXPECT_EQ(tokenizer->chat_template(), "");
}

TEST_F(FolderVocabulary, OneStopAndNoConfigAreFine) {
  EXPECT_THAT(load().value().stop(), ElementsAre(1, 3));
  folder_.write("generation_config.json", R"({"eos_token_id":4})");
  EXPECT_THAT(load().value().stop(), ElementsAre(1, 3, 4));
}

TEST_F(FolderVocabulary, TemplateFromEitherFile) {
  folder_.write("tokenizer_config.json", R"({"chat_template":"old"})");
  EXPECT_EQ(load().value().chat_template(), "old");
  folder_.write("chat_template.jinja", "new");
  EXPECT_EQ(load().value().chat_template(), "new");
}

TEST_F(FolderVocabulary, Refuses) {
  folder_.write("generation_config.json", R"({"eos_token_id":[1,5000]})");
  EXPECT_THAT(load().error().message, HasSubstr("eos_token_id 5000 is not one of"));
  folder_.write("generation_config.json", "[]");
  EXPECT_THAT(load().error().message, HasSubstr("generation_config.json is not"));
  folder_.write("tokenizer.json", "{}");
  EXPECT_THAT(load().error().message, HasSubstr("no \"model\""));
  std::filesystem::remove(folder_.path() + "/tokenizer.json");
  EXPECT_THAT(load().error().message, HasSubstr("no tokenizer.json"));
}

}  // namespace
}  // namespace g4
