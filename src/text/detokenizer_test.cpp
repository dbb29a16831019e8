#include <gtest/gtest.h>

#include <random>

#include "base/utf8.h"
#include "text/tokenizer.h"

namespace g4 {
namespace {

TEST(StreamingDetokenizer, HoldsBackUnfinishedCharacters) {
  StreamingDetokenizer stream;
  EXPECT_EQ(stream.push("a\xF0"), "a");
  EXPECT_EQ(stream.push("\x9F\xA6"), "");
  EXPECT_EQ(stream.push("\x99z"), "🦙z");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamingDetokenizer, ReplacesWhatCannotBecomeACharacter) {
  StreamingDetokenizer stream;
  EXPECT_EQ(stream.push("\xE2\x82"), "");
  EXPECT_EQ(stream.push("x"), "\uFFFDx");
  EXPECT_EQ(stream.push("\xFF\x80"), "\uFFFD\uFFFD");
  EXPECT_EQ(stream.push("\xF0\x9F"), "");
  EXPECT_EQ(stream.finish(), "\uFFFD");
  EXPECT_EQ(stream.finish(), "");
}

// What Python's bytes.decode("utf-8", "replace") gives.
TEST(ReplaceInvalidUtf8, EqualsPython) {
  const std::string r = "\uFFFD";
  EXPECT_EQ(replace_invalid_utf8("\xC0\xAF"), r + r);
  EXPECT_EQ(replace_invalid_utf8("\xED\xA0\x80"), r + r + r);
  EXPECT_EQ(replace_invalid_utf8("\xF4\x90\x80\x80"), r + r + r + r);
  EXPECT_EQ(replace_invalid_utf8("\xF0\x9F\x98\xE2\x82\xAC"), r + "€");
  EXPECT_EQ(replace_invalid_utf8("\xE0\x80\x80"), r + r + r);
  EXPECT_EQ(replace_invalid_utf8("\xC3"), r);
  EXPECT_EQ(replace_invalid_utf8("\xEF\xBF\xBF\xF4\x8F\xBF\xBF"), "\uFFFF\U0010FFFF");
  EXPECT_EQ(replace_invalid_utf8(std::string_view("a\0b", 3)), std::string_view("a\0b", 3));
}

TEST(Utf8, BeginningsAreWholeCharacters) {
  EXPECT_EQ(utf8_beginning("a€b", 0), "");
  EXPECT_EQ(utf8_beginning("a€b", 1), "a");
  EXPECT_EQ(utf8_beginning("a€b", 3), "a");
  EXPECT_EQ(utf8_beginning("a€b", 4), "a€");
  EXPECT_EQ(utf8_beginning("a€b", 5), "a€b");
  EXPECT_EQ(utf8_beginning("a€b", 100), "a€b");
}

TEST(Utf8, EveryCharacterComesBack) {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_utf8(text, c);
    const Utf8Step step = next_utf8(text);
    ASSERT_EQ(step.kind, Utf8Step::Kind::kCharacter);
    ASSERT_EQ(step.code_point, c);
    ASSERT_EQ(step.length, text.size());
    ASSERT_TRUE(is_utf8(text));
    ASSERT_EQ(next_utf8(text.substr(0, text.size() - 1) + "\x7F").kind,
              text.size() == 1 ? Utf8Step::Kind::kCharacter : Utf8Step::Kind::kInvalid);
  }
}

TEST(StreamingDetokenizer, AnySplitGivesTheSameText) {
  std::mt19937 random(4);
  const auto below = [&](int n) { return std::uniform_int_distribution<int>(0, n - 1)(random); };
  const std::string atoms[] = {"a",        "é",        "€",        "🦙",   "\x80",
                               "\xC2",     "\xE2\x82", "\xF0\x9F", "\xFF", "\xED\xA0",
                               "\xF4\x90", "\xE0",     "\xBF"};
  for (int round = 0; round < 3000; ++round) {
    std::string bytes;
    for (int i = below(12); i >= 0; --i) bytes += atoms[below(std::size(atoms))];
    StreamingDetokenizer stream;
    std::string joined;
    for (std::size_t at = 0; at < bytes.size();) {
      const auto length = static_cast<std::size_t>(below(4));
      const std::string part = stream.push(std::string_view(bytes).substr(at, length));
      ASSERT_TRUE(is_utf8(part));
      joined += part;
      at += length;
    }
    joined += stream.finish();
    ASSERT_EQ(joined, replace_invalid_utf8(bytes));
  }
}

}  // namespace
}  // namespace g4
