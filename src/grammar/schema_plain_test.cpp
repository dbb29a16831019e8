// What check_schema() writes against what the client asked for, over values: never more, and where
// it can be said exactly, no less.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grammar/excluded_texts.h"
#include "grammar/schema.h"
#include "grammar/schema_negation.h"
#include "grammar/test_validity.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;

std::vector<std::string> values() {
  std::vector<std::string> all{"null",
                               "true",
                               "false",
                               "0",
                               "1",
                               "2",
                               "3",
                               "-1",
                               "1.5",
                               "100",
                               "[]",
                               "[1]",
                               "[1,1]",
                               "[1,2]",
                               "[\"a\"]",
                               "{}",
                               "[\"a\",\"b\"]",
                               "[\"b\",\"a\"]",
                               "[\"a\",\"a\"]",
                               "[true,false]",
                               "[true,true]",
                               "[[]]"};
  for (const char* text :
       {"", "a", "b", "ab", "abc", "x-a", "A1b2c3d4", "  ", "a.b", "..", "long enough"})
    all.push_back(json::serialize(json::string(text)));
  // Objects of a, b and kind, each of them there or not.
  for (const char* a : {"", "\"a\":1", "\"a\":\"x\""})
    for (const char* b : {"", "\"b\":2", "\"b\":true"})
      for (const char* kind : {"", "\"kind\":\"circle\"", "\"kind\":\"square\"", "\"kind\":7"}) {
        std::vector<std::string_view> members{a, b, kind};
        std::erase(members, "");
        all.push_back(fmt::format("{{{}}}", fmt::join(members, ",")));
      }
  all.emplace_back(R"({"x-a":1})");
  all.emplace_back(R"({"c":1})");
  return all;
}

bool holds(const json::value& schema, const std::string& value) {
  return test::complaint(schema, value).empty();
}

struct Written {
  std::size_t both = 0, more = 0, less = 0;  // values
};

Written compare(const std::string& text) {
  const json::value schema = json::parse(text);
  const auto written = check_schema(schema);
  Written out;
  if (!written) {
    ADD_FAILURE() << text << ": " << written.error().message;
    return out;
  }
  // Numbers of the kinds that valijson knows.
  const json::value again = json::parse(json::serialize(*written));
  for (const std::string& value : values()) {
    const bool wanted = holds(schema, value), taken = holds(again, value);
    out.both += wanted && taken;
    out.more += taken && !wanted;
    out.less += wanted && !taken;
    EXPECT_FALSE(taken && !wanted)
        << value << " is not of " << text << "\nbut of " << json::serialize(*written);
  }
  return out;
}

TEST(SchemaPlain, MeansTheSame) {
  for (
      const char* text : {
          R"({"not":{"type":"string"}})",
          R"({"not":{"type":["string","object"]}})",
          R"({"not":{"const":"ab"}})",
          R"({"not":{"enum":["a","ab","",1,true,null]}})",
          R"({"type":"string","not":{"minLength":2}})",
          R"({"type":"number","not":{"minimum":1}})",
          R"({"type":"number","not":{"exclusiveMaximum":1}})",
          R"({"type":"object","not":{"required":["a"]}})",
          R"({"type":"object","not":{"required":["a","b"]}})",
          R"({"type":"object","not":{"properties":{"kind":{"const":"circle"}},"required":["kind"]}})",
          R"({"type":"object","not":{"anyOf":[{"required":["a"]},{"required":["b"]}]}})",
          R"({"not":{"not":{"type":"array"}}})",
          R"({"not":{"allOf":[{"type":"string"},{"maxLength":1}]}})",
          R"({"type":"object","if":{"required":["a"]},"then":{"required":["b"]}})",
          R"({"type":"object","if":{"properties":{"kind":{"const":"circle"}},"required":["kind"]},
               "then":{"required":["a"]},"else":{"required":["b"]}})",
          R"({"type":"object","if":{"properties":{"kind":{"enum":["circle",7]}}},"else":{"required":["a"]}})",
          R"({"type":"object","dependencies":{"a":["b"],"b":{"required":["kind"]}}})",
          R"({"type":"object","propertyNames":{"enum":["a","kind"]}})",
          R"({"type":"object","properties":{"a":{"type":"number"}},"propertyNames":{"enum":["a"]}})",
          R"({"type":"object","propertyNames":{"type":"string"},"additionalProperties":{"type":"number"}})",
          R"({"type":"object","propertyNames":{"pattern":"^x-"}})",
          R"({"type":"object","propertyNames":{"maxLength":1}})",
          R"({"type":"object","oneOf":[{"required":["a"]},{"required":["b"]}]})",
          R"({"oneOf":[{"type":"object","required":["a"]},{"type":"object","required":["b"]},{"type":"null"}]})",
          R"({"type":"array","uniqueItems":true,"items":{"enum":["a","b"]}})",
          R"({"type":"array","uniqueItems":true,"items":{"type":"boolean"},"minItems":1})",
          R"({"type":"array","uniqueItems":true,"maxItems":1})",
          R"~({"type":"string","pattern":"^(?=.*[a-z])(?=.*[A-Z])(?=.*[0-9]).{8,}$"})~",
          R"~({"type":"string","pattern":"^(?!a)"})~",
          R"~({"type":"string","pattern":"^(?!ab$).+$"})~",
          R"~({"type":"string","pattern":"^(?!.*\\.\\.)[a-z.]*$"})~",
          R"~({"type":"string","pattern":"^(?!.*b)"})~",
          R"~({"type":"string","pattern":"^(?!.*bc)"})~",
          R"~({"type":"string","pattern":"^(?![A-Z]1)"})~",
      }) {
    const Written written = compare(text);
    EXPECT_EQ(written.less, 0U) << text;
    EXPECT_GT(written.both, 0U) << text;
  }
}

// Where a thing cannot be said exactly, less of it is.
TEST(SchemaPlain, NeverMeansMore) {
  for (
      const char* text : {
          R"({"oneOf":[{"type":"object","required":["a"],"properties":{"b":{"type":"array","items":{}}}},
                        {"type":"object","required":["kind"],"additionalProperties":{"type":"string"}}]})",
          R"({"type":["object","null"],"dependencies":{"a":["b"]}})",
      })
    EXPECT_GT(compare(text).both, 0U) << text;
}

std::string written(const char* text) {
  const auto schema = check_schema(json::parse(text));
  return schema ? json::serialize(*schema) : schema.error().message;
}

// valijson knows drafts up to 7.
TEST(SchemaPlain, KnowsTheNewerKeywords) {
  EXPECT_EQ(written(R"({"type":"object","dependentRequired":{"a":["b"]}})"),
            written(R"({"type":"object","dependencies":{"a":["b"]}})"));
  EXPECT_EQ(written(R"({"type":"object","dependentSchemas":{"a":{"required":["b"]}}})"),
            written(R"({"type":"object","dependencies":{"a":{"required":["b"]}}})"));
  EXPECT_EQ(
      written(
          R"({"allOf":[{"$ref":"#/$defs/p"},{"type":"object","properties":{"b":{}}}],"unevaluatedProperties":false,"$defs":{"p":{"type":"object","properties":{"a":{"type":"null"}}}}})"),
      R"({"allOf":[{"$ref":"#/$defs/d1"},{"type":"object","properties":{"b":{}}}],"additionalProperties":false,"properties":{"a":true,"b":true},"$defs":{"d1":{"type":"object","properties":{"a":{"type":"null"}}}}})");
}

// Work that is used up stays so, whatever comes next.
TEST(SchemaNegation, KeepsToItsWork) {
  const json::value schema = json::parse(R"({"not":{"enum":[1,2,3]},"properties":{"a":{}}})");
  const SchemaReferences references(schema);
  for (std::size_t work = 0; work < 6; ++work) {
    std::size_t left = work;
    EXPECT_FALSE(negate(schema, references, left).is_complete) << work;
    EXPECT_EQ(left, 0U) << work;
  }
  std::size_t enough = 100;
  EXPECT_TRUE(negate(schema, references, enough).is_complete);
}

TEST(ExcludedTexts, LookAheadAtTheBeginningBecomesMorePatterns) {
  using Parts = std::vector<std::string>;
  EXPECT_EQ(without_look_ahead("^(?=.*[a-z])(?=a|b)x$"), (Parts{"^.*[a-z]", "^(?:a|b)", "^x$"}));
  EXPECT_EQ(without_look_ahead("^(?!\\s*$).+"), (Parts{"\\S", "^.+"}));
  EXPECT_EQ(without_look_ahead("^(?!-)x"), (Parts{"^(?:[^\\-][\\s\\S]*)?$", "^x"}));
  for (const char* other :
       {"", "abc", "(?=a)b", "^a(?=b)", "^(?=a)b|c", "^(?=a", "^(?!a|b)c", "^(?!a+)c", "^(?!(a))c",
        "^(?!)c", "^(?!.*abc)d", "^(?!.*)a", "^(?=a)*b"})
    EXPECT_FALSE(without_look_ahead(other)) << other;
}

}  // namespace
}  // namespace g4::grammar
