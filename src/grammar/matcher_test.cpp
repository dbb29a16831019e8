// Masks, acceptance and rollback over the real vocabulary.
#include "grammar/matcher.h"

#include <gtest/gtest.h>

#include <thread>

#include "grammar/test_walk.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;
using test::RandomModel;
using test::RealVocabulary;

constexpr TokenId kEos = 1, kToolResponse = 50, kTurnEnd = 106;

json::value schema(const char* text) { return json::parse(text); }

// Whether the matcher takes this text, and then could end.
bool takes(Matcher matcher, std::string_view text, Tokenizer::Special special) {
  const RealVocabulary& real = RealVocabulary::get();
  const auto ids = real.tokenizer->encode(text, special);
  const auto allowed = matcher.allowed(ids);
  if (!allowed || *allowed != ids.size()) return false;
  for (const TokenId id : ids)
    if (!matcher.accept(id)) return false;
  return matcher.may_end();
}

bool takes(const Constraint& constraint, std::string_view text) {
  return takes(test::start(RealVocabulary::get(), constraint), text, Tokenizer::Special::kParse);
}

TEST(TokenTable, KeepsSpecialTokensApartFromText) {
  const RealVocabulary& real = RealVocabulary::get();
  std::size_t at = 0, special = 0;
  for (std::size_t id = 0; id < real.table.lengths.size(); ++id) {
    const std::string_view bytes =
        std::string_view(real.table.bytes).substr(at, real.table.lengths[id]);
    at += bytes.size();
    const std::string_view text = real.tokenizer->bytes(static_cast<TokenId>(id));
    if (bytes.starts_with('\xFF') && bytes.size() > 1) {
      ++special;
      EXPECT_EQ(bytes.substr(1), text);
    } else {
      EXPECT_EQ(bytes, text);
      EXPECT_FALSE(text.starts_with("<unused")) << id << " can be written as text";
      EXPECT_EQ(text.find("\u2581"), std::string::npos) << id;
    }
  }
  EXPECT_EQ(at, real.table.bytes.size());
  EXPECT_GT(special, 6'000U);
  EXPECT_EQ(real.table.stops, (std::vector<TokenId>{kEos, kTurnEnd, kToolResponse}));
}

TEST(Matcher, TakesJsonAndNothingElse) {
  const Constraint object{AnyJsonObject{}};
  for (const char* text : {"{}", "{\"a\": [1, 2.5e3, null, true, \"x\\n\u00e9\"]}",
                           "{\n  \"a\": {\n    \"b\": \"\"\n  }\n}", "{\"a\" : 1 , \"b\":2}"})
    EXPECT_TRUE(takes(object, text)) << text;
  for (const char* text : {"[]", "{", "{a:1}", "{\"a\":01}", "{\"a\":1,}", " {}", "{} ", "{}{}",
                           "{\"a\":  1}", "{\n\n\"a\":1}", "Sure! {}", "{\"a\":\"<turn|>\"}"})
    EXPECT_FALSE(takes(object, text)) << text;
  const Constraint compact{AnyJsonObject{WhiteSpace::kNone}};
  EXPECT_TRUE(takes(compact, "{\"a\":[1,2]}"));
  EXPECT_FALSE(takes(compact, "{\"a\": 1}"));
}

TEST(Matcher, SaysPlainlyWhyAGrammarDoesNotCompile) {
  const RealVocabulary& real = RealVocabulary::get();
  const auto why_not = [&](const char* text) {
    const auto grammar =
        write_grammar({JsonSchema{schema(text)}}, MarkerTokens::of(*real.tokenizer));
    const auto compiled = CompiledGrammar::compile(real.vocabulary, grammar->lark());
    return compiled ? "" : compiled.error().message;
  };
  EXPECT_EQ(why_not(R"({"type":"integer","minimum":3,"maximum":2})"),
            "Unsatisfiable schema: minimum (3) is greater than maximum (2)");
  EXPECT_EQ(why_not(R"({"type":"string","allOf":[{"pattern":"a.{7}b"},{"pattern":"a.{8}b"},
                        {"pattern":"a.{9}b"},{"pattern":"a.{10}b"}]})"),
            "Unable to determine if regex is empty");
}

TEST(Matcher, TakesRegexAndChoice) {
  const Constraint date{Regex{"\\d{4}-\\d{2}"}};
  EXPECT_TRUE(takes(date, "2024-05"));
  EXPECT_FALSE(takes(date, "2024-5"));
  EXPECT_FALSE(takes(date, "x2024-05"));
  EXPECT_TRUE(takes({Regex{"^(a/b|c)$"}}, "a/b"));
  EXPECT_TRUE(takes({Regex{"(?i)yes\n?"}}, "YES"));
  EXPECT_TRUE(takes({Regex{""}}, ""));
  const Constraint choice{Choice{{"yes", "no", "\"quoted\"\n\\", "nobody", "<turn|>"}}};
  for (const char* text : {"yes", "no", "nobody", "\"quoted\"\n\\"})
    EXPECT_TRUE(takes(choice, text)) << text;
  EXPECT_FALSE(takes(choice, "n"));
  EXPECT_FALSE(takes(choice, "<turn|>")) << "a choice is text, never a control token";
  EXPECT_TRUE(
      takes(test::start(RealVocabulary::get(), choice), "<turn|>", Tokenizer::Special::kText));
  EXPECT_TRUE(takes({Choice{{"", "a"}}}, ""));
  EXPECT_TRUE(takes({Choice{{""}}}, ""));
}

TEST(Matcher, EndsOnlyWhereTheAnswerIsComplete) {
  const RealVocabulary& real = RealVocabulary::get();
  Matcher matcher = test::start(real, {Choice{{"yes"}}});
  std::vector<std::uint32_t> words(mask_words(*real.vocabulary));
  ASSERT_TRUE(matcher.mask(words));
  for (const TokenId stop : real.table.stops) EXPECT_FALSE(mask_has(words, stop));
  EXPECT_FALSE(matcher.may_end());
  ASSERT_TRUE(matcher.accept(*real.tokenizer->find("yes")));
  EXPECT_TRUE(matcher.may_end());
  ASSERT_TRUE(matcher.mask(words));
  EXPECT_EQ(mask_count(words, real.vocabulary->size()), 3U);
  for (const TokenId stop : real.table.stops) EXPECT_TRUE(mask_has(words, stop));
  ASSERT_TRUE(matcher.accept(kTurnEnd));
  EXPECT_TRUE(matcher.has_ended());
  ASSERT_TRUE(matcher.accept(kToolResponse));
  EXPECT_FALSE(matcher.accept(*real.tokenizer->find("yes")));
  ASSERT_TRUE(matcher.rollback(3));
  EXPECT_FALSE(matcher.has_ended());
  const TokenId yes = *real.tokenizer->find("yes");
  EXPECT_EQ(matcher.allowed({{yes, kTurnEnd, kEos, yes}}).value(), 3U);
  EXPECT_EQ(matcher.allowed({{kTurnEnd}}).value(), 0U);
  EXPECT_FALSE(matcher.accept(kTurnEnd));
  ASSERT_TRUE(matcher.accept(yes));
  EXPECT_EQ(matcher.allowed({{kTurnEnd, yes}}).value(), 1U);
  ASSERT_TRUE(matcher.mask(words));
  EXPECT_TRUE(mask_has(words, kTurnEnd));
}

TEST(Matcher, RollbackBringsTheSameMasksBack) {
  const RealVocabulary& real = RealVocabulary::get();
  for (const Constraint& constraint :
       {Constraint{AnyJsonObject{}}, Constraint{Regex{"([a-z]{1,8} ){1,30}"}},
        Constraint{JsonSchema{schema(
            R"({"type":"object","properties":{"a":{"type":"string","pattern":"^[a-c]+$"},
                "b":{"type":"array","items":{"type":"number","minimum":3}}},"required":["a","b"]})")}}}) {
    Matcher matcher = test::start(real, constraint);
    std::vector<std::vector<std::uint32_t>> masks;
    std::vector<TokenId> ids;
    std::vector<std::uint32_t> words(mask_words(*real.vocabulary));
    std::minstd_rand random(3);
    while (ids.size() < 80) {
      ASSERT_TRUE(matcher.mask(words));
      masks.push_back(words);
      ids.push_back(mask_nth(words, random() % mask_count(words, real.vocabulary->size())));
      ASSERT_TRUE(matcher.accept(ids.back()));
      if (matcher.has_ended()) break;
      if (ids.size() % 9 != 0) continue;
      ASSERT_TRUE(matcher.rollback(5));
      for (std::size_t i = ids.size() - 5; i < ids.size(); ++i) {
        ASSERT_TRUE(matcher.mask(words));
        EXPECT_EQ(words, masks[i]) << i;
        ASSERT_TRUE(matcher.accept(ids[i]));
      }
    }
  }
}

TEST(Matcher, SaysWhatIsForcedAndTriesWithoutHarm) {
  const RealVocabulary& real = RealVocabulary::get();
  Matcher matcher = test::start(
      real, {JsonSchema{schema(R"({"type":"object","properties":{"temperature":{"type":"integer"}},
                                   "required":["temperature"],"additionalProperties":false})"),
                        WhiteSpace::kNone}});
  const auto forced = matcher.forced();
  ASSERT_TRUE(forced);
  EXPECT_EQ(real.tokenizer->decode(*forced, false),
            "{\"temperature");  // `":` may be one token or two
  const auto good = real.tokenizer->encode("{\"temperature\":21");
  const auto bad = real.tokenizer->encode("{\"temperature\":x");
  EXPECT_EQ(matcher.allowed(bad).value(), bad.size() - 1);
  EXPECT_EQ(matcher.allowed(good).value(), good.size());
  for (const TokenId id : good) ASSERT_TRUE(matcher.accept(id));
}

TEST(Matcher, RefusesATokenThatWasNotAllowed) {
  const RealVocabulary& real = RealVocabulary::get();
  Matcher matcher = test::start(real, {AnyJsonObject{}});
  EXPECT_FALSE(matcher.accept(*real.tokenizer->find("hello")));
  std::vector<std::uint32_t> words(mask_words(*real.vocabulary));
  EXPECT_FALSE(matcher.mask(words));
  Matcher other = test::start(real, {AnyJsonObject{}});
  EXPECT_FALSE(other.accept(-1));
  EXPECT_FALSE(test::start(real, {AnyJsonObject{}}).accept(1 << 20));
  EXPECT_FALSE(test::start(real, {AnyJsonObject{}}).rollback(1));
}

TEST(Matcher, ManyThreadsStartFromOneGrammar) {
  const RealVocabulary& real = RealVocabulary::get();
  const auto text = write_grammar({AnyJsonObject{}}, MarkerTokens::of(*real.tokenizer));
  const auto grammar = CompiledGrammar::compile(real.vocabulary, text->lark());
  ASSERT_TRUE(grammar);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint32_t i = 0; i < 5; ++i) {
        const auto walk = RandomModel(real, t * 100 + i).walk((*grammar)->start());
        EXPECT_TRUE(walk.status) << walk.status.error().message;
        EXPECT_TRUE(walk.ended);
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace g4::grammar
