#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "text/test_vocabulary.h"
#include "text/tokenizer.h"

namespace g4 {
namespace {

namespace json = boost::json;
using Special = Tokenizer::Special;
using testing::ElementsAre;
using testing::HasSubstr;

json::object added(const char* content, std::int64_t id, bool special) {
  return {{"id", id},        {"content", content}, {"special", special},  {"normalized", false},
          {"lstrip", false}, {"rstrip", false},    {"single_word", false}};
}

// A whole tokenizer.json with the letters of TestVocabulary and merges ab, abc.
json::object document() {
  TestVocabulary v;
  v.merge("a", "b");
  v.merge("ab", "c");
  json::object vocab;
  for (std::size_t id = 0; id < v.source.tokens.size(); ++id) vocab[v.source.tokens[id]] = id;
  const auto next = static_cast<std::int64_t>(vocab.size());
  return {
      {"version", "1.0"},
      {"added_tokens",
       json::array{added("<bos>", 2, true), added("<eos>", 1, true), added("<turn|>", next, true),
                   added("\n\n", next + 1, false), added("<unused0>", next + 2, false)}},
      {"normalizer", {{"type", "Replace"}, {"pattern", {{"String", " "}}}, {"content", "\u2581"}}},
      {"pre_tokenizer",
       {{"type", "Split"},
        {"pattern", {{"String", " "}}},
        {"behavior", "MergedWithPrevious"},
        {"invert", false}}},
      {"decoder",
       {{"type", "Sequence"},
        {"decoders",
         json::array{{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
                     {{"type", "ByteFallback"}},
                     {{"type", "Fuse"}}}}}},
      {"model",
       {{"type", "BPE"},
        {"dropout", nullptr},
        {"unk_token", "<unk>"},
        {"continuing_subword_prefix", nullptr},
        {"end_of_word_suffix", nullptr},
        {"fuse_unk", true},
        {"byte_fallback", true},
        {"ignore_merges", false},
        {"vocab", vocab},
        {"merges", json::array{"a b", json::array{"ab", "c"}}}}}};
}

std::string refusal(const json::object& object) {
  const Result<Tokenizer> t = Tokenizer::from_tokenizer_json(json::serialize(object));
  return t ? "it was accepted" : t.error().message;
}

TEST(TokenizerJson, BothFormsOfMergesAndAddedTokens) {
  const Result<Tokenizer> t = Tokenizer::from_tokenizer_json(json::serialize(document()));
  ASSERT_TRUE(t) << t.error().message;
  EXPECT_THAT(t->encode("abc ab"),
              ElementsAre(*t->find("abc"), *t->find("\u2581"), *t->find("ab")));
  EXPECT_THAT(t->encode("<turn|>", Special::kParse), ElementsAre(*t->find("<turn|>")));
  EXPECT_EQ(t->encode("<turn|>").size(), 7U);
  EXPECT_THAT(t->encode("\n\n\n"), ElementsAre(*t->find("\n\n"), *t->find("\n")));
  EXPECT_THAT(t->encode("<unused0>", Special::kParse), ElementsAre(*t->find("<unused0>")));
  EXPECT_EQ(t->encode("<unused0>").size(), 9U);
  EXPECT_EQ(t->bos(), 2);
  EXPECT_EQ(t->eos(), 1);
  EXPECT_EQ(t->pad(), 0);
  EXPECT_EQ(t->unk(), 3);
  EXPECT_THAT(t->stop(), ElementsAre(1, *t->find("<turn|>")));
}

TEST(TokenizerJson, RefusesOtherKinds) {
  EXPECT_EQ(refusal(document()), "it was accepted");
  const auto broken = [](auto change) {
    json::object object = document();
    change(object);
    return refusal(object);
  };
  const auto model = [&](std::string_view key, const json::value& value) {
    return broken([&](json::object& o) { o["model"].as_object()[key] = value; });
  };
  const auto token = [&](std::string_view key, const json::value& value) {
    return broken(
        [&](json::object& o) { o["added_tokens"].as_array()[0].as_object()[key] = value; });
  };
  EXPECT_THAT(model("type", "Unigram"), HasSubstr("model type \"Unigram\" is not supported"));
  EXPECT_THAT(model("byte_fallback", false), HasSubstr("byte_fallback"));
  EXPECT_THAT(model("ignore_merges", true), HasSubstr("ignore_merges"));
  EXPECT_THAT(model("dropout", 0.1), HasSubstr("dropout"));
  EXPECT_THAT(model("end_of_word_suffix", "</w>"), HasSubstr("end_of_word_suffix"));
  EXPECT_THAT(model("vocab", 1), HasSubstr("model.vocab"));
  EXPECT_THAT(model("vocab", {{"a", -1}}), HasSubstr("the id of token \"a\""));
  EXPECT_THAT(model("vocab", {{"a", 1}, {"b", 1}}), HasSubstr("the same id 1"));
  EXPECT_THAT(model("merges", json::array{}), HasSubstr("model.merges"));
  EXPECT_THAT(model("merges", json::array{"ab"}), HasSubstr("merge 0 is neither"));
  EXPECT_THAT(model("merges", json::array{"a b c"}), HasSubstr("merge 0 is neither"));
  EXPECT_THAT(token("lstrip", true), HasSubstr("\"lstrip\", which is not supported"));
  EXPECT_THAT(token("single_word", true), HasSubstr("single_word"));
  EXPECT_THAT(token("id", 7), HasSubstr("has id 7 but 2"));
  EXPECT_THAT(token("content", ""), HasSubstr("no \"content\""));
  EXPECT_THAT(broken([](auto& o) { o["normalizer"] = {{"type", "NFKC"}}; }),
              HasSubstr("normalizer"));
  EXPECT_THAT(broken([](auto& o) { o["normalizer"] = nullptr; }), HasSubstr("normalizer"));
  EXPECT_THAT(broken([](auto& o) { o["pre_tokenizer"] = {{"type", "ByteLevel"}}; }),
              HasSubstr("pre-tokenizer"));
  EXPECT_THAT(broken([](auto& o) { o["decoder"] = {{"type", "ByteLevel"}}; }),
              HasSubstr("decoder"));
  EXPECT_THAT(broken([](auto& o) { o.erase("model"); }), HasSubstr("no \"model\""));
  const auto parsed = Tokenizer::from_tokenizer_json("{\"model\"");
  ASSERT_FALSE(parsed);
  EXPECT_THAT(parsed.error().message, HasSubstr("not valid JSON"));
}

TEST(TokenizerJson, AcceptsAnIdlePreTokenizerAndSequencesOfOne) {
  json::object object = document();
  object["pre_tokenizer"] = nullptr;
  object["normalizer"] = {{"type", "Sequence"}, {"normalizers", json::array{object["normalizer"]}}};
  EXPECT_EQ(refusal(object), "it was accepted");
}

}  // namespace
}  // namespace g4
