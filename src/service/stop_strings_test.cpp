#include "service/stop_strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace g4 {
namespace {

using ::testing::HasSubstr;
using Match = StopStrings::Match;

struct Outcome {
  std::string text;
  std::optional<std::string> found;
  bool operator==(const Outcome&) const = default;
};

// The definition: first end, then longest.
Outcome by_definition(const std::vector<std::string>& strings, Match match,
                      const std::string& text) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    const std::string* hit = nullptr;
    for (const std::string& s : strings)
      if (text.substr(0, end).ends_with(s) && (hit == nullptr || s.size() > hit->size())) hit = &s;
    if (hit != nullptr)
      return {text.substr(0, match == Match::kInclude ? end : end - hit->size()), *hit};
  }
  return {text, std::nullopt};
}

TEST(StopStrings, HoldsBackOnlyWhatMayBecomeAMatch) {
  StopStrings stop({"END", "\n\n"}, Match::kDrop);
  EXPECT_EQ(stop.push("Hello E"), "Hello ");
  EXPECT_EQ(stop.push("N"), "");
  EXPECT_EQ(stop.push("T\n"), "ENT");
  EXPECT_EQ(stop.push("more E"), "\nmore ");
  EXPECT_EQ(stop.push("ND and"), "");
  EXPECT_EQ(stop.found(), "END");
  EXPECT_EQ(stop.push("after"), "");
  EXPECT_EQ(stop.finish(), "");
}

TEST(StopStrings, AnUnfinishedMatchIsText) {
  StopStrings stop({"stop"}, Match::kDrop);
  EXPECT_EQ(stop.push("non-sto"), "non-");
  EXPECT_EQ(stop.finish(), "sto");
  EXPECT_FALSE(stop.found());
}

TEST(StopStrings, IncludesTheStringIfAsked) {
  StopStrings stop({"\"}"}, Match::kInclude);
  EXPECT_EQ(stop.push("{\"a\": \"b\"} tail"), "{\"a\": \"b\"}");
  EXPECT_EQ(stop.found(), "\"}");
}

TEST(StopStrings, FirstEndThenLongest) {
  StopStrings inner({"abcd", "bc"}, Match::kDrop);
  EXPECT_EQ(inner.push("xabcd"), "xa");
  EXPECT_EQ(inner.found(), "bc");
  StopStrings longest({"c", "abc"}, Match::kDrop);
  EXPECT_EQ(longest.push("xabc"), "x");
  EXPECT_EQ(longest.found(), "abc");
  StopStrings repeated({"aab"}, Match::kDrop);
  EXPECT_EQ(repeated.push("aa"), "");
  EXPECT_EQ(repeated.push("a"), "a");
  EXPECT_EQ(repeated.push("b"), "");
  EXPECT_TRUE(repeated.found());
}

TEST(StopStrings, EqualsTheDefinitionHoweverItIsCut) {
  std::mt19937 random(1);
  const auto word = [&](std::size_t max) {
    std::string s(1 + random() % max, ' ');
    for (char& c : s) c = static_cast<char>('a' + random() % 3);
    return s;
  };
  int matches = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> strings(random() % 4);
    for (std::string& s : strings) s = word(6);
    const Match match = random() % 2 == 0 ? Match::kDrop : Match::kInclude;
    const std::string text = word(40);
    const Outcome want = by_definition(strings, match, text);
    matches += want.found.has_value();
    StopStrings stop(strings, match);
    Outcome got;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t n = random() % 5;
      got.text += stop.push(text.substr(at, n));
      at += n;
    }
    got.text += stop.finish();
    got.found = stop.found();
    ASSERT_EQ(got, want) << text;
  }
  EXPECT_GT(matches, 500);
}

TEST(StopStrings, ValidationNamesTheString) {
  const auto says = [](std::vector<std::string> strings) {
    const Status status = validate_stop_strings(strings);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(says({}), "");
  EXPECT_EQ(says({"a", "\u00e9", std::string(1024, 'x')}), "");
  EXPECT_THAT(says({"a", ""}), HasSubstr("stop string 1 is empty"));
  EXPECT_THAT(says({"\xFF"}), HasSubstr("not UTF-8"));
  EXPECT_THAT(says({std::string(1025, 'x')}), HasSubstr("1025 bytes"));
  EXPECT_THAT(says(std::vector<std::string>(65, "x")), HasSubstr("65 stop strings"));
}

}  // namespace
}  // namespace g4
