#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <random>

#include "text/test_vocabulary.h"

namespace g4 {
namespace {

using Kind = VocabularySource::Kind;
using Special = Tokenizer::Special;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Tokenizer make(VocabularySource source) {
  Result<Tokenizer> tokenizer = Tokenizer::create(std::move(source));
  if (!tokenizer) throw std::runtime_error(tokenizer.error().message);
  return std::move(*tokenizer);
}

std::string refusal(VocabularySource source) {
  const Result<Tokenizer> tokenizer = Tokenizer::create(std::move(source));
  return tokenizer ? "it was accepted" : tokenizer.error().message;
}

// Tokens in their decoded spelling.
std::vector<std::string> pieces(const Tokenizer& tokenizer, std::string_view text,
                                Special special = Special::kText) {
  std::vector<std::string> list;
  for (const TokenId id : tokenizer.encode(text, special)) list.emplace_back(tokenizer.bytes(id));
  return list;
}

TEST(Encode, LowestRankMergesFirst) {
  TestVocabulary v;
  v.merge("b", "c");
  v.merge("a", "b");
  EXPECT_THAT(pieces(make(v.source), "abc"), ElementsAre("a", "bc"));
  std::swap(v.source.merges[0], v.source.merges[1]);
  EXPECT_THAT(pieces(make(v.source), "abc"), ElementsAre("ab", "c"));
}

TEST(Encode, EqualRanksMergeFromTheLeft) {
  TestVocabulary v;
  v.merge("a", "a");
  EXPECT_THAT(pieces(make(v.source), "aaaaa"), ElementsAre("aa", "aa", "a"));
}

TEST(Encode, RepeatedPairHasItsLastRank) {
  TestVocabulary v;
  v.merge("a", "b");
  v.merge("b", "c");
  v.merge("a", "b");
  EXPECT_THAT(pieces(make(v.source), "abc"), ElementsAre("a", "bc"));
}

TEST(Encode, MergesCrossSpaces) {
  TestVocabulary v;
  v.merge("a", "\u2581");
  v.merge("a\u2581", "b");
  EXPECT_THAT(pieces(make(v.source), "a b"), ElementsAre("a b"));
  EXPECT_THAT(pieces(make(v.source), " a  b"), ElementsAre(" ", "a ", " ", "b"));
}

TEST(Encode, UnknownCharactersBecomeBytes) {
  const Tokenizer t = make([] {
    TestVocabulary v;
    v.merge("a", "b");
    return v.source;
  }());
  EXPECT_THAT(pieces(t, "abé"), ElementsAre("ab", "\xC3", "\xA9"));
  EXPECT_EQ(t.encode("\t"), std::vector<TokenId>{*t.find("<0x09>")});
  EXPECT_EQ(t.decode(t.encode("ab 🦙"), false), "ab 🦙");
}

TEST(Encode, InvalidUtf8BecomesReplacementCharacters) {
  TestVocabulary v;
  v.merge("a", "b");
  const TokenId replacement = v.add("\uFFFD", Kind::kNormal);
  const Tokenizer t = make(v.source);
  const TokenId a = *t.find("a");
  EXPECT_THAT(t.encode("a\xFF"), ElementsAre(a, replacement));
  EXPECT_THAT(t.encode("\xE2\x82"), ElementsAre(replacement));
  EXPECT_THAT(t.encode("\xED\xA0\x80"), ElementsAre(replacement, replacement, replacement));
  EXPECT_THAT(t.encode("\xF0\x9F\xA6"
                       "a"),
              ElementsAre(replacement, a));
}

TEST(Encode, EmptyTextHasNoTokens) {
  TestVocabulary v;
  v.merge("a", "b");
  EXPECT_THAT(make(v.source).encode(""), IsEmpty());
  EXPECT_THAT(make(v.source).encode("", Special::kParse), IsEmpty());
}

TEST(Special, SpellingsAreTextUnlessParsed) {
  TestVocabulary v;
  v.merge("b", "o");
  const TokenId turn = v.add("<|turn>", Kind::kUserDefined);
  const Tokenizer t = make(v.source);
  EXPECT_THAT(pieces(t, "<bos>"), ElementsAre("<", "bo", "s", ">"));
  EXPECT_THAT(t.encode("<bos>", Special::kParse), ElementsAre(*t.bos()));
  EXPECT_THAT(pieces(t, "<|turn>"), ElementsAre("<", "|", "t", "u", "r", "n", ">"));
  EXPECT_THAT(t.encode("<|turn>", Special::kParse), ElementsAre(turn));
  EXPECT_THAT(pieces(t, " <eos> ", Special::kParse), ElementsAre(" ", "<eos>", " "));
  EXPECT_THAT(pieces(t, "<bos<bos>", Special::kParse), ElementsAre("<", "bo", "s", "<bos>"));
}

TEST(Special, MergesNeverMakeOneOfText) {
  TestVocabulary v;
  for (const auto& [left, right] : {std::pair("b", "o"), {"bo", "s"}, {"<", "bos"}, {"<bos", ">"}})
    v.merge(left, right);
  const Tokenizer t = make(v.source);
  EXPECT_THAT(pieces(t, "<bos>"), ElementsAre("<bos", ">"));
  EXPECT_THAT(t.encode("<bos>", Special::kParse), ElementsAre(*t.bos()));
}

TEST(Special, OneCharacterIsNoWayAround) {
  TestVocabulary v;
  v.merge("a", "b");
  const TokenId control = v.add("\u00A7", Kind::kControl);
  const Tokenizer t = make(v.source);
  EXPECT_THAT(pieces(t, "\u00A7"), ElementsAre("\xC2", "\xA7"));
  EXPECT_THAT(t.encode("\u00A7", Special::kParse), ElementsAre(control));
}

TEST(Special, PlainAddedTokensCutTheTextInBothModes) {
  TestVocabulary v;
  v.merge("b", "r");
  v.add("<b>", Kind::kUserDefined);
  v.add("\n\n", Kind::kUserDefined);
  v.add("\n\n\n", Kind::kUserDefined);
  const Tokenizer t = make(v.source);
  for (const Special mode : {Special::kText, Special::kParse}) {
    EXPECT_THAT(pieces(t, "<b>r", mode), ElementsAre("<b>", "r"));
    EXPECT_THAT(pieces(t, "\n\n\n\n\n", mode), ElementsAre("\n\n\n", "\n\n"));
    EXPECT_THAT(pieces(t, "a\n\n", mode), ElementsAre("a", "\n\n"));
  }
  EXPECT_FALSE(t.is_special(*t.find("<b>")));
  EXPECT_FALSE(t.is_special(*t.find("\n\n")));
}

TEST(Special, WhichTokensAre) {
  TestVocabulary v;
  v.merge("a", "b");
  const auto user = [&](const char* spelling) { return v.add(spelling, Kind::kUserDefined); };
  const std::vector<TokenId> special = {user("<|\"|>"),
                                        user("<start_of_image>"),
                                        user("[multimodal]"),
                                        user("<unused3>"),
                                        v.add("<unused4>", Kind::kUnused),
                                        0,
                                        3};
  const std::vector<TokenId> plain = {user("</table>"), user("<h1>"), user("\t\t"), user("word")};
  const Tokenizer t = make(v.source);
  for (const TokenId id : special) EXPECT_TRUE(t.is_special(id)) << t.bytes(id);
  for (const TokenId id : plain) EXPECT_FALSE(t.is_special(id)) << t.bytes(id);
  EXPECT_FALSE(t.is_special(*t.find("<0x00>")));
  EXPECT_FALSE(t.is_special(-1));
  EXPECT_FALSE(t.is_special(static_cast<TokenId>(t.size())));
}

TEST(Special, NormalizedAddedTokensSeeSpacesAsMarks) {
  TestVocabulary v;
  v.merge("a", "b");
  const TokenId word = v.add("x y", Kind::kUserDefined);
  EXPECT_THAT(make(v.source).encode("x y"), ElementsAre(word));
  EXPECT_THAT(pieces(make(v.source), "x\u2581y"), ElementsAre("x", " ", "y"));
  v.source.matched_normalized = {word};
  EXPECT_THAT(make(v.source).encode("x y"), ElementsAre(word));
  EXPECT_THAT(make(v.source).encode("x\u2581y"), ElementsAre(word));
}

TEST(Scores, BestScoreMergesFirst) {
  TestVocabulary v;
  v.add("ab", Kind::kNormal, -2);
  v.add("bc", Kind::kNormal, -1);
  v.source.scores = v.scores;
  EXPECT_THAT(pieces(make(v.source), "abc"), ElementsAre("a", "bc"));
  v.source.scores[v.scores.size() - 1] = -3;
  EXPECT_THAT(pieces(make(v.source), "abc"), ElementsAre("ab", "c"));
}

TEST(Scores, EqualScoresPreferTheLongestLeftPartThenTheLowestId) {
  TestVocabulary v;
  v.add("bc", Kind::kNormal, -1);
  v.add("ab", Kind::kNormal, -1);
  v.add("yz", Kind::kNormal, -5);
  v.add("wxy", Kind::kNormal, -5);
  v.add("wx", Kind::kNormal, -1);
  v.source.scores = v.scores;
  EXPECT_THAT(pieces(make(v.source), "abc"), ElementsAre("a", "bc"));
  EXPECT_THAT(pieces(make(v.source), "wxyz"), ElementsAre("wxy", "z"));
}

TEST(Scores, UserDefinedTokensCountAsTheBest) {
  TestVocabulary v;
  v.add("\u2581a", Kind::kNormal, -1);
  v.add("  ", Kind::kUserDefined, -1000);
  v.source.scores = v.scores;
  EXPECT_THAT(pieces(make(v.source), "  a"), ElementsAre("  ", "a"));
}

TEST(Scores, SpaceRunsSpelledWithSpacesAreFound) {
  TestVocabulary v;
  v.add("  ", Kind::kUserDefined, -1000);
  v.source.scores = v.scores;
  EXPECT_THAT(pieces(make(v.source), "a   b"), ElementsAre("a", "  ", " ", "b"));
}

TEST(Decode, BytesAndSpellings) {
  TestVocabulary v;
  v.merge("\u2581", "a");
  const Tokenizer t = make(v.source);
  EXPECT_EQ(t.bytes(*t.find("\u2581a")), " a");
  EXPECT_EQ(t.bytes(*t.find("<0xE2>")), "\xE2");
  EXPECT_EQ(t.bytes(*t.bos()), "<bos>");
  EXPECT_EQ(t.bytes(-1), "");
  EXPECT_EQ(t.bytes(static_cast<TokenId>(t.size())), "");
  const std::vector<TokenId> ids = {*t.bos(), *t.find("\u2581a"), *t.find("<0xC3>"), 99999};
  EXPECT_EQ(t.decode(ids, false), "<bos> a\xC3");
  EXPECT_EQ(t.decode(ids, true), " a\xC3");
  EXPECT_EQ(t.find("nowhere"), std::nullopt);
  EXPECT_EQ(t.find(""), std::nullopt);
}

// Merging as it is defined: over the whole text, always the best pair, nothing kept.
std::vector<std::string> merged_by_definition(const VocabularySource& source,
                                              std::vector<std::string> symbols) {
  for (;;) {
    std::size_t best_rank = source.merges.size(), best = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto pair = std::pair(symbols[i], symbols[i + 1]);
      const auto found = std::find(source.merges.begin(), source.merges.end(), pair);
      const auto rank = static_cast<std::size_t>(found - source.merges.begin());
      if (rank < best_rank) best_rank = rank, best = i;
    }
    if (best_rank == source.merges.size()) return symbols;
    symbols[best] += symbols[best + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Encode, EqualsTheDefinitionOnRandomVocabularies) {
  std::mt19937 random(4);
  const auto below = [&](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const std::vector<std::string> letters = {"a", "b", "c", "\u2581", "\n"};
  for (int round = 0; round < 60; ++round) {
    TestVocabulary v;
    std::vector<std::string> parts = letters;
    for (int i = 0; i < 12; ++i) {
      const std::string left = parts[below(parts.size())], right = parts[below(parts.size())];
      v.merge(left, right);
      parts.push_back(left + right);
    }
    std::vector<std::pair<std::string, std::string>> unique;  // ranks as the definition sees them
    for (const auto& merge : v.source.merges)
      if (std::find(unique.begin(), unique.end(), merge) == unique.end()) unique.push_back(merge);
    v.source.merges = unique;
    const Tokenizer t = make(v.source);
    for (const std::size_t length : {1, 2, 3, 10, 30, 63, 64, 65, 66, 200}) {
      std::vector<std::string> symbols;
      std::string text;
      for (std::size_t i = 0; i < length; ++i) {
        symbols.push_back(letters[below(round % 2 == 0 ? 5 : 2)]);
        text += symbols.back() == "\u2581" ? " " : symbols.back();
      }
      std::vector<TokenId> expected;
      for (const std::string& s : merged_by_definition(v.source, symbols))
        expected.push_back(*t.find(s));
      ASSERT_EQ(t.encode(text), expected) << "round " << round << ": " << text;
    }
  }
}

TEST(Encode, LongLinesAreNoTrap) {
  TestVocabulary v;
  for (std::string run : {"a", "\u2581", "\n"})
    for (int doubling = 0; doubling < 5; ++doubling, run += run) v.merge(run, run);
  v.merge("a", "b");
  v.add("<|turn>", Kind::kControl);
  const Tokenizer t = make(v.source);
  for (const std::string unit : {"a", " ", "\n", "\t", "ab", "<", "<|turn", "🦙", "\xFF"}) {
    std::string text;
    while (text.size() < (1U << 20)) text += unit;
    const std::clock_t begin = std::clock();  // of this process: other load does not count
    const std::vector<TokenId> ids = t.encode(text, Special::kParse);
    const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_LT(seconds, 20) << "1 MiB of " << unit;  // quadratic would take hours
    EXPECT_FALSE(ids.empty());
  }
}

TEST(Create, RefusesWhatItCannotServe) {
  TestVocabulary good;
  good.merge("a", "b");
  EXPECT_EQ(refusal(good.source), "it was accepted");
  const auto broken = [&](auto change) {
    VocabularySource source = good.source;
    change(source);
    return refusal(std::move(source));
  };
  EXPECT_THAT(refusal({}), HasSubstr("0 tokens"));
  EXPECT_THAT(broken([](auto& s) { s.kinds.pop_back(); }), HasSubstr("token types"));
  EXPECT_THAT(broken([](auto& s) { s.scores = {1}; }), HasSubstr("1 scores"));
  EXPECT_THAT(broken([](auto& s) { s.merges[0].second = "zz"; }), HasSubstr("\"zz\" is not in"));
  EXPECT_THAT(broken([](auto& s) { s.merges[0] = {"a", "c"}; }), HasSubstr("\"ac\" is not in"));
  EXPECT_THAT(broken([](auto& s) { s.tokens[9] = "\xFF"; }),
              HasSubstr("token 9 is not valid UTF-8"));
  EXPECT_THAT(broken([](auto& s) { s.tokens[5] = "x!"; }), HasSubstr("byte token <0x01>"));
  EXPECT_THAT(broken([](auto& s) { s.tokens[0] = std::string(300, 'x'); }), HasSubstr("300 bytes"));
  EXPECT_THAT(broken([](auto& s) { s.bos = 100000; }), HasSubstr("100000 lies outside"));
  EXPECT_THAT(broken([](auto& s) { s.stop = {-1}; }), HasSubstr("-1 lies outside"));
  EXPECT_THAT(broken([](auto& s) {
                s.tokens.push_back("<0x41>a");
                s.kinds.push_back(Kind::kNormal);
                s.merges.emplace_back("<0x41>", "a");
              }),
              HasSubstr("joins byte token"));
}

TEST(Stop, KnownTurnEndsOfTheVocabulary) {
  TestVocabulary v;
  const TokenId turn = v.add("<turn|>", Kind::kControl);
  const TokenId tool = v.add("<|tool_response>", Kind::kUserDefined);
  v.add("<end_of_turn>", Kind::kNormal);
  EXPECT_THAT(known_stop_tokens(v.source), ElementsAre(1, turn, tool));
}

TEST(Tokenizer, WithoutMergesEncodesCharacters) {
  TestVocabulary vocabulary;
  const auto made = Tokenizer::create(vocabulary.source);
  ASSERT_TRUE(made);
  const std::vector<TokenId> ids = made->encode("ab\u00e9");
  EXPECT_EQ(ids.size(), 4U);  // a, b, and two bytes
  EXPECT_EQ(made->decode(ids, false), "ab\u00e9");
}

}  // namespace
}  // namespace g4
