// The syntax of arguments: what the template writes, what models make of it, and cuts anywhere.
#include "chat/arguments_to_json.h"

#include "chat/bare_value.h"
#include "chat/test_answer.h"

namespace g4::chat {
namespace {

namespace json = boost::json;

TEST(Arguments, AsTheTemplateWritesThem) {
  EXPECT_EQ(arguments_of("{}"), "{}");
  EXPECT_EQ(arguments_of(R"({city:<|"|>Paris<|"|>,days:3,deep:true,none:null,t:1.5})"),
            R"({"city":"Paris","days":3,"deep":true,"none":null,"t":1.5})");
  EXPECT_EQ(arguments_of(R"({o:{a:[<|"|>x<|"|>,{b:[]}],c:{}}})"),
            R"({"o":{"a":["x",{"b":[]}],"c":{}}})");
  EXPECT_EQ(arguments_of(R"({o:{<|"|>3<|"|>:<|"|>new<|"|>}})"), R"({"o":{"3":"new"}})");
}

TEST(Arguments, StringsAreTextAndNothingElse) {
  EXPECT_EQ(arguments_of(R"({a:<|"|>{b:[1,2]},c:"d" \n \u0041<|"|>})"),
            R"({"a":"{b:[1,2]},c:\"d\" \\n \\u0041"})");
  EXPECT_EQ(arguments_of("{a:<|\"|>\x01\t\r\n\x7F é 🦙<|\"|>}"),
            "{\"a\":\"\\u0001\\t\\u000d\\n\x7F é 🦙\"}");
  EXPECT_EQ(arguments_of(R"({a:<|"|><|"|>,b:<|"|> x <|"|>})"), R"({"a":"","b":" x "})");
  EXPECT_EQ(arguments_of(R"({n:<|"|>1<|"|>,b:<|"|>true<|"|>,z:<|"|>null<|"|>})"),
            R"({"n":"1","b":"true","z":"null"})");
}

TEST(Arguments, TheQuoteIsATokenAndNeverItsSpelling) {
  const auto answer = pieces(R"(<|tool_call>call:f{a:<|"|>x)") + plain(R"(<|"|>,b:<tool_call|>)") +
                      pieces(R"(<|"|>}<tool_call|>)");
  const Answer got = read(answer);
  ASSERT_EQ(got.calls.size(), 1U);
  EXPECT_EQ(got.calls[0].arguments, R"({"a":"x<|\"|>,b:<tool_call|>"})");
}

TEST(Arguments, WhiteSpaceBetweenMembers) {
  EXPECT_EQ(arguments_of("{ a : 1 ,\n\tb : [ 1 , 2 ] , c:{ } }"), R"({"a":1,"b":[1,2],"c":{}})");
}

TEST(Arguments, KeysAreBareUpToTheColon) {
  EXPECT_EQ(arguments_of("{a b.c-d[0],x:1}"), R"({"a b.c-d[0],x":1})");
  EXPECT_EQ(arguments_of("{:1,\"q\":2,'r':3,é:4}"), R"({"":1,"q":2,"r":3,"é":4})");
  EXPECT_EQ(arguments_of("{say \"hi\":1}"), R"({"say \"hi\"":1})");
}

TEST(Arguments, KeysWithoutValues) {
  EXPECT_EQ(arguments_of("{a:,b:}"), R"({"a":null,"b":null})");
  EXPECT_EQ(arguments_of("{flag}"), R"({"flag":null})");
  EXPECT_EQ(arguments_of(R"({<|"|>a<|"|>,<|"|>b<|"|>})"), R"({"a":null,"b":null})");
}

TEST(Arguments, SurplusAndMissingCommas) {
  EXPECT_EQ(arguments_of("{,a:[,1,,2,],,b:2,}"), R"({"a":[1,2],"b":2})");
  EXPECT_EQ(arguments_of(R"({a:<|"|>x<|"|>b:[<|"|>y<|"|><|"|>z<|"|>]c:1})"),
            R"({"a":"x","b":["y","z"],"c":1})");
}

TEST(Arguments, MissingAndSurplusBrackets) {
  EXPECT_EQ(arguments_of("{a:[1,{b:2}"), R"({"a":[1,{"b":2}]})");
  EXPECT_EQ(arguments_of("{a:[1,2}"), R"({"a":[1,2]})");
  EXPECT_EQ(arguments_of("{a:1]}}"), R"({"a":1})");
  EXPECT_EQ(arguments_of("{a:[{b:1}}],c:2}"), R"({"a":[{"b":1}],"c":2})");
  EXPECT_EQ(arguments_of("{{a:1}}"), R"({"a":1})");
  EXPECT_EQ(arguments_of("{a:{{b:1}}}"), R"({"a":{"b":1}})");
  EXPECT_EQ(arguments_of("({a:1})"), R"({"a":1})");
}

TEST(Arguments, BareText) {
  EXPECT_EQ(arguments_of("{a:hello world,b:x}"), R"({"a":"hello world","b":"x"})");
  EXPECT_EQ(arguments_of("{a:San Francisco, CA,b:1}"), R"({"a":"San Francisco, CA","b":1})");
  EXPECT_EQ(arguments_of("{a:[red, dark blue]}"), R"({"a":["red","dark blue"]})");
  EXPECT_EQ(arguments_of("{a:if (x) { y(); },b:1}"), R"({"a":"if (x) { y(); }","b":1})");
  EXPECT_EQ(arguments_of("{a:1 apple,b:trues,c:nul}"), R"({"a":"1 apple","b":"trues","c":"nul"})");
  EXPECT_EQ(arguments_of("{a:see \"this\"}"), R"({"a":"see \"this\""})");
}

TEST(Arguments, BracketsOfBareTextThatNeverCloses) {
  EXPECT_EQ(arguments_of("{a:sad :{ }"), R"({"a":"sad :{"})");
  EXPECT_EQ(arguments_of("{a:line one\nline two"), R"({"a":"line one\nline two"})");
}

TEST(Arguments, Numbers) {
  EXPECT_EQ(arguments_of("{a:-0.50,b:1e+20,c:12345678901234567890123,d:1E5}"),
            R"({"a":-0.50,"b":1e+20,"c":12345678901234567890123,"d":1E5})");
  EXPECT_EQ(arguments_of("{a:108.,b:.5,c:+5,d:-.5e-3}"),
            R"({"a":108.0,"b":0.5,"c":5,"d":-0.5e-3})");
  EXPECT_EQ(arguments_of("{a:007,b:1e999,c:0x1F,d:nan,e:-,f:1.2.3,g:1e}"),
            R"({"a":"007","b":"1e999","c":"0x1F","d":"nan","e":"-","f":"1.2.3","g":"1e"})");
  const std::string digits(500, '7');
  EXPECT_EQ(arguments_of("{a:" + digits + "}"), "{\"a\":\"" + digits + "\"}");
}

TEST(Arguments, WordsOfPython) {
  EXPECT_EQ(arguments_of("{a:True,b:False,c:None}"), R"({"a":true,"b":false,"c":null})");
}

TEST(Arguments, QuotesOfJsonAndPython) {
  EXPECT_EQ(arguments_of(R"({a:"x, y: {z}",b:'it's, fine',c:`a "b" c`})"),
            R"({"a":"x, y: {z}","b":"it's, fine","c":"a \"b\" c"})");
  EXPECT_EQ(arguments_of(R"({a:"\"q\" \\ \/ \b\f\n\r\t",b:'\''})"),
            "{\"a\":\"\\\"q\\\" \\\\ / \\u0008\\u000c\\n\\u000d\\t\",\"b\":\"'\"}");
  EXPECT_EQ(arguments_of(R"({a:"\u00e9 \ud83e\udd99 \ud83e x \udd99 \ud83e\u0041"})"),
            "{\"a\":\"é 🦙 \uFFFD x \uFFFD \uFFFDA\"}");
  EXPECT_EQ(arguments_of(R"({a:"C:\Users\uma\x \u12",b:':\s*\w+'})"),
            R"({"a":"C:\\Users\\uma\\x \\u12","b":":\\s*\\w+"})");
  EXPECT_EQ(arguments_of(R"({a:"say "hi" now",b:""})"), R"({"a":"say \"hi\" now","b":""})");
}

TEST(Arguments, MissingQuotes) {
  EXPECT_EQ(arguments_of(R"({command:<|"|>ls}})"), R"({"command":"ls}"})") << "one is surplus";
  EXPECT_EQ(arguments_of(R"({command:<|"|>ls})"), R"({"command":"ls"})");
  EXPECT_EQ(arguments_of("{a:{b:[<|\"|>ls ]\n}}"), R"({"a":{"b":["ls "]}})");
  EXPECT_EQ(arguments_of(R"({command:ls<|"|>,n:5<|"|>})"), R"({"command":"ls","n":"5"})");
  EXPECT_EQ(arguments_of(R"({a:'abc})"), R"({"a":"abc"})");
  EXPECT_EQ(arguments_of(R"({a<|"|>x<|"|>})"), R"({"a":"x"})");
}

TEST(Arguments, DuplicateKeysAreAllPassedOn) {
  EXPECT_EQ(arguments_of("{a:1,a:2}"), R"({"a":1,"a":2})");
}

TEST(Arguments, DepthIsWhatARequestMaySendBack) {
  const auto nested = [](std::size_t depth) {
    std::string text = "{a:";
    for (std::size_t i = 1; i < depth; ++i) text += "[";
    for (std::size_t i = 1; i < depth; ++i) text += "]";
    return text + "}";
  };
  constexpr std::size_t kMost = ArgumentsToJson::kDepthMax;
  EXPECT_EQ(arguments_of(nested(kMost)), "{\"a\":" + nested(kMost).substr(3));
  EXPECT_EQ(arguments_of(nested(kMost + 1)),
            "{\"a\":" + std::string(kMost - 1, '[') + "\"[]\"" + std::string(kMost - 1, ']') + "}");
  const std::string deep = arguments_of(nested(5000));
  EXPECT_EQ(deep.find('"', 5), 5U + kMost - 1);
  EXPECT_EQ(arguments_of(std::string(20, '{') + "a:1"), R"({"a":1})") << "surplus brackets";
  arguments_of(std::string(5000, '{') + "a:1");
}

TEST(Arguments, TheSchemaDecidesWhereTheSyntaxDoesNot) {
  const json::value schema = json::parse(R"({"type":"object","properties":{
      "zip":{"type":"STRING"},"n":{"type":"integer"},"l":{"type":"array","items":{"type":"string"}},
      "o":{"type":"object","properties":{"s":{"type":"string"}}},"u":{"type":["string","null"]}}})");
  const Reading reading{
      .tools = {{.name = "f", .description = "", .parameters = schema, .response = {}}}};
  EXPECT_EQ(arguments_of("{zip:12345,n:12345,l:[1,true,null],o:{s:1.0,t:1},u:1}", reading),
            R"({"zip":"12345","n":12345,"l":["1","true",null],"o":{"s":"1.0","t":1},"u":1})");
  EXPECT_EQ(arguments_of("{zip:,n:}", reading), R"({"zip":"","n":null})");
  EXPECT_EQ(arguments_of("{zip:see http://x, tell me: now, n:1}", reading),
            R"({"zip":"see http://x, tell me: now","n":1})");
}

// Nothing is looked at again and again: with that this takes many times as long.
TEST(Arguments, FloodsCostTimeInProportion) {
  for (const char* begin : {"{a:1", "{a:\"x\"", "{a:x,", "{a:x,b", "{a:[1}", "{a=", "{",
                            "{a:", "{a:'x", "{a:x", "{x"}) {
    for (const char* flood : {" ", "{", "}", "[", "1", "\\", "\"", ",", "=", "x"}) {
      ArgumentsToJson arguments(nullptr);
      std::string text = arguments.push(begin);
      for (int i = 0; i < 50000; ++i) text += arguments.push(flood);
      text += arguments.finish();
      EXPECT_TRUE(json_members::read_json(text)) << begin << flood;
    }
  }
}

// For each beginning of a call: what had been sent, and what cut() adds.
TEST(Arguments, ACutCallIsCompletedWithAsLittleAsPossible) {
  const auto cut = [](std::string_view answer) {
    const Answer got = read(answer, {.ending = Ending::kCut});
    return got.calls.size() != 1 ? "no call"
                                 : got.calls[0].arguments + " +" + got.calls[0].completion;
  };
  EXPECT_EQ(cut("<|tool_call>call:f"), "no call");
  EXPECT_EQ(cut("<|tool_call>call:f{"), "{} +}");
  EXPECT_EQ(cut("<|tool_call>call:f{ke"), "{} +}");
  EXPECT_EQ(cut("<|tool_call>call:f{key:"), R"({"key":null} +null})");
  EXPECT_EQ(cut("<|tool_call>call:f{key:12"), R"({"key":null} +null})");
  EXPECT_EQ(cut("<|tool_call>call:f{key:[1,2"), R"({"key":[1]} +]})");
  EXPECT_EQ(cut("<|tool_call>call:f{key:<|\"|>a\\"), R"({"key":"a\\"} +"})");
  EXPECT_EQ(cut("<|tool_call>call:f{key:<|\"|>a}"), R"({"key":"a}"} +}"})");
  EXPECT_EQ(cut("<|tool_call>call:f{<|\"|>key"), R"({"key":null} +":null})");
  EXPECT_EQ(cut("<|tool_call>call:f{<|\"|>key<|\"|>"), R"({"key":null} +:null})");
  EXPECT_EQ(cut("<|tool_call>call:f{key:some words, b"), R"({"key":"some words"} +"})");
  EXPECT_EQ(cut("<|tool_call>call:f{a:1}"), R"({"a":1} +)") << "only <tool_call|> is missing";
}

TEST(BareValue, NumbersThatRoundTrip) {
  for (const char* text :
       {"0", "-0", "1", "10", "0.1", "-1.25e-7", "5e-324", "1.7976931348623157e308"})
    EXPECT_EQ(scalar_json(text), text);
  for (const char* text : {"", "-", ".", "e5", "1e5x", "00", "1e309", "1,5", "Infinity", "tru"})
    EXPECT_EQ(scalar_json(text), std::nullopt) << text;
}

}  // namespace
}  // namespace g4::chat
