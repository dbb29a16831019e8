#include "grammar/pattern.h"

#include <gtest/gtest.h>

namespace g4::grammar {
namespace {

std::string why_not(std::string_view pattern) {
  const Status status = check_pattern(pattern);
  return status ? "" : status.error().message;
}

TEST(Pattern, TakesWhatSchemasUse) {
  for (const char* pattern : {"",
                              "^[a-z]+$",
                              "^\\d{4}-\\d{2}-\\d{2}$",
                              "^.{0,5000}$",
                              "^(?:[a-z]{1,63}\\.){1,15}[a-z]+$",
                              "a|b|",
                              "[]a]",
                              "[^]a]",
                              "[a-z&&[^x]]{3}",
                              "\\p{L}{2,5}",
                              "\\x{41}{3}",
                              "(?i)abc",
                              "(?P<year>\\d+)",
                              "(?<year>\\d+)",
                              "a{2}{3}",
                              "a{,5}",
                              "[{]{2}",
                              "\\{not a repeat\\}",
                              "([0-9]|[1-9][0-9]{1,2}){1,10}",
                              "^\\$\\{.*\\}$",
                              "[\\]\\[]",
                              "[[:alpha:]]+"})
    EXPECT_EQ(why_not(pattern), "") << pattern;
}

TEST(Pattern, CountsRepeatsInsideRepeats) {
  const std::string product = "it repeats something ";
  for (const char* pattern :
       {"((a{100}){100}){10}", "(((a{1000}){1000}){1000})", "(ab){1001}", "a{100}{100}",
        "([ab]{10,100}c){2,11}", "((a?){40}b){1,40}", "(?:(?:x{50}|y){3}z){100}", "([]]{100}){100}",
        "([[a]b]{100}){100}", "(\\p{L}{100}){100}", "(a{100}?){100}", "(a{,100}){,100}",
        "(a{18446744073709551617}){2}", "a{1000000}", "((a{100})*){100}"})
    EXPECT_TRUE(why_not(pattern).starts_with(product)) << pattern << ": " << why_not(pattern);
}

TEST(Pattern, SaysWhatIsNotSupported) {
  EXPECT_EQ(why_not("(?=a)b"), "look-ahead and look-behind ((?=...) are not supported");
  EXPECT_EQ(why_not("(?<!a)b"), "look-ahead and look-behind ((?<!...) are not supported");
  EXPECT_EQ(why_not("(a)\\1"), "back-references are not supported");
  EXPECT_EQ(why_not("\\bword\\b"), "word boundaries (\\b, \\B) are not supported");
  EXPECT_EQ(why_not("(?x) a {100}"), "the flag x is not supported");
  EXPECT_EQ(why_not("(?-u:\\xff)"), "the flag u is not supported");
  EXPECT_EQ(why_not("a(?i)b"), "flags such as (?i) stand at the beginning, or in (?i:...)");
  EXPECT_EQ(why_not("(?_i|a)"), "behind (? come flags and a colon, or a name");
  EXPECT_EQ(why_not("(?<a/b>c)"), "the name of a group has letters, digits and _");
  EXPECT_EQ(why_not("(a"), "a group is not closed");
  EXPECT_EQ(why_not("a)"), "it closes a group that it did not open");
  EXPECT_EQ(why_not("[a"), "a character class is not closed");
  EXPECT_EQ(why_not("\\p{L"), "a { is not closed");
  EXPECT_EQ(why_not("\\x{/}"), "what stands in \\p{...} or \\x{...} is no name and no number");
  EXPECT_EQ(why_not("a\\"), "it ends in a backslash");
  EXPECT_EQ(why_not("a{b}"), "a { that does not begin a repeat such as {2,5} is written \\{");
  EXPECT_EQ(why_not("{2}"), "a repeat has nothing to repeat");
  EXPECT_EQ(why_not(std::string_view("a\0b", 3)), "it holds bytes that are no text");
  EXPECT_EQ(why_not("\xFF"), "it holds bytes that are no text");
  EXPECT_NE(why_not(std::string(1'000'000, '(')), "");
  EXPECT_NE(why_not(std::string(100, '(') + std::string(100, ')')), "");
  EXPECT_NE(why_not(std::string(1'000'000, 'a')), "");
}

TEST(Pattern, MeansWhatJsonSchemasMeanByIt) {
  const auto written = [](std::string_view pattern) {
    const auto text = schema_pattern(pattern);
    return text ? *text : text.error().message;
  };
  EXPECT_EQ(written("^.*$"), "^[^\\n\\r]*$");
  EXPECT_EQ(written("[.]\\.(.|[a.]|\\\\.)"), "[.]\\.([^\\n\\r]|[a.]|\\\\[^\\n\\r])");
  EXPECT_EQ(written("(?i)(?P<s>.)"), "(?i)(?P<s>[^\\n\\r])");
  EXPECT_EQ(written("[^\"]"), "[^\\x01\"]");
  EXPECT_EQ(written("[^]a].[]]"), "[^\\x01\\]a][^\\n\\r][\\]]");
  EXPECT_EQ(written("[a-z&&[^x]{2}"), "[a-z\\&\\&\\[^x]{2}");
  EXPECT_EQ(written("[[:alpha:]]"), "[\\[:alpha:]]");
  EXPECT_EQ(written("[a~~b\\[]"), "[a\\~\\~b\\[]");
  EXPECT_EQ(written("[a"), "a character class is not closed");
  for (const char* plain : {"", "abc", "(?s:.*)", "(?is)a.b", "[\\].]"})
    EXPECT_EQ(written(plain), plain);
}

TEST(Pattern, IsWrittenForLark) {
  EXPECT_EQ(whole_pattern("a/b\\/c\n\\d\\\\d"), "a\\/b\\/c\\n[0-9]\\\\d");
  EXPECT_EQ(search_pattern("^a$"), "(?:^a$)");
  EXPECT_EQ(search_pattern("a"), "(?:(?s:.*)a(?s:.*))");
  EXPECT_EQ(search_pattern("^a|b$|[|]|(c|d)"),
            "(?:^a(?s:.*))|(?:(?s:.*)b$)|(?:(?s:.*)[|](?s:.*))|(?:(?s:.*)(c|d)(?s:.*))");
  EXPECT_EQ(search_pattern("(?i)^a|b"), "(?i)(?:^a(?s:.*))|(?:(?s:.*)b(?s:.*))");
  EXPECT_EQ(search_pattern("(?i:a)"), "(?:(?s:.*)(?i:a)(?s:.*))");
  EXPECT_EQ(search_pattern("a\\$"), "(?:(?s:.*)a\\$(?s:.*))");
  EXPECT_EQ(search_pattern("$"), "(?:(?s:.*)$)");
  EXPECT_EQ(search_pattern("a\\\\$"), "(?:(?s:.*)a\\\\$)");
}

}  // namespace
}  // namespace g4::grammar
