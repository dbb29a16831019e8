// Where thoughts, text and calls begin and end; how the prompt decides where an answer begins.
#include "chat/parse_output.h"

#include "chat/test_answer.h"

namespace g4::chat {
namespace {

using Part = OutputParser::Part;

constexpr std::string_view kCallF = "<|tool_call>call:f{a:1}<tool_call|>";

TEST(Output, TextAlone) {
  const Answer got = read("Hello, *world* 🦙");
  EXPECT_EQ(got.text, "Hello, *world* 🦙");
  EXPECT_EQ(got.order, "a");
}

TEST(Output, ThoughtThenText) {
  const Answer got = read("<|channel>thought\nHm.\nYes.\n<channel|>42<turn|>");
  EXPECT_EQ(got.thought, "[Hm.\nYes.]");
  EXPECT_EQ(got.text, "42");
  EXPECT_EQ(got.order, "ta");
}

TEST(Output, OfAThoughtsLineEndsOneBelongsToTheFormat) {
  EXPECT_EQ(read("<|channel>thought\n\n a\n\n<channel|>").thought, "[\n a\n]");
  EXPECT_EQ(read("<|channel>thought\na<channel|>").thought, "[a]");
}

TEST(Output, EmptyThoughtsAreNone) {
  EXPECT_EQ(read("<|channel>thought\n<channel|>x").order, "a");
  EXPECT_EQ(read("<|channel>thought<channel|>x").order, "a");
  EXPECT_EQ(read("<|channel><channel|>x<|channel>thought\n \n<channel|>").order, "a");
}

TEST(Output, AThoughtWithoutItsNameIsOne) {
  EXPECT_EQ(read("<|channel>first<channel|><|channel>thoughts\n<channel|>x").thought,
            "[first][thoughts]");
}

TEST(Output, ARepeatedChannelGoesOn) {
  EXPECT_EQ(read("<|channel><|channel>thought\na<|channel>thought\nb\n<channel|>x").thought,
            "[ab]");
}

TEST(Output, StrayMarksAreDropped) {
  const Answer got = read("a<channel|>b<tool_call|><|\"|>c<|image|><unused49><tool_response|>d");
  EXPECT_EQ(got.text, "abcd");
}

TEST(Output, SpelledMarksAreText) {
  for (const std::string_view mark : answer_marks()) {
    EXPECT_EQ(read(plain(mark)).text, mark);
    EXPECT_EQ(read(pieces("<|channel>thought\n") + plain(mark)).thought, fmt::format("[{}]", mark));
  }
}

TEST(Output, WhiteSpaceAroundTheTextIsDroppedAndThatWithinStays) {
  EXPECT_EQ(read("\n\n a  b\n\nc \n<turn|>").text, "a  b\n\nc");
  EXPECT_EQ(read("a \n" + std::string(kCallF) + "\n\nb").text, "a \n\n\nb");
  EXPECT_EQ(read("a \n<|channel>thought\nx\n<channel|>b").text, "a \nb");
  EXPECT_EQ(read(std::string(kCallF) + "\n" + std::string(kCallF) + "\n").order, "cc");
  EXPECT_EQ(read("a \n", {.ending = Ending::kCut}).text, "a \n") << "more might have come";
  EXPECT_EQ(read("a \n<|tool_call>call:f{", {.ending = Ending::kCut}).order, "ac");
  EXPECT_EQ(read("a \n<|tool_call>call:f", {.ending = Ending::kCut}).text, "a");
}

TEST(Output, CallsAreCountedAndParallel) {
  const Answer got =
      read("<|tool_call>call:f{a:1}<tool_call|><|tool_call>call:g{}<tool_call|><|tool_response>");
  ASSERT_EQ(got.calls.size(), 2U);
  EXPECT_EQ(got.calls[0], (Answer::Call{"f", R"({"a":1})", ""}));
  EXPECT_EQ(got.calls[1], (Answer::Call{"g", "{}", ""}));
}

TEST(Output, NamesOfCalls) {
  for (const char* name : {"f", "get-weather", "a.b:c/d_1", "$f", "wetter_für_日本", "call"})
    EXPECT_EQ(call_of(fmt::format("<|tool_call>call:{}{{}}<tool_call|>", name)),
              fmt::format("{} {{}}", name));
  for (const char* head :
       {"f", ":f", " call : f ", "- f", "call:\"f\"", "call:f:", "call:<|\"|>f<|\"|>"})
    EXPECT_EQ(call_of(fmt::format("<|tool_call>{}{{}}<tool_call|>", head)), "f {}") << head;
  EXPECT_EQ(call_of("<|tool_call>call:f<tool_call|>"), "f {}");
}

TEST(Output, NamesOfTheRequestsToolsWinOverNamespaces) {
  const auto tool = [](const char* name) {
    return Tool{.name = name, .description = "", .parameters = {}, .response = {}};
  };
  const SharedList<Tool> tools = {tool("f"), tool("x.f"), tool("create-pdf")};
  const auto found = [&](std::string_view name) {
    const Tool* meant = find_tool(tools, name);
    return meant == nullptr ? std::string("none") : meant->name;
  };
  EXPECT_EQ(found("f"), "f");
  EXPECT_EQ(found("functions.f"), "f");
  EXPECT_EQ(found("default_api:x.f"), "x.f");
  EXPECT_EQ(found("google:mcp:create-pdf"), "create-pdf");
  EXPECT_EQ(found("my_f"), "none");
  EXPECT_EQ(found(".f"), "f");
  EXPECT_EQ(found("F"), "none");
  EXPECT_EQ(call_of("<|tool_call>call:functions.f{}<tool_call|>", {.tools = {tool("f")}}), "f {}");
  EXPECT_EQ(call_of("<|tool_call>call:functions.g{}<tool_call|>", {.tools = {tool("f")}}),
            "functions.g {}");
}

TEST(Output, WhatNamesNoCallIsShownAsText) {
  const Answer got = read("<|tool_call>{<|\"|>name<|\"|>:1}<tool_call|>ok");
  EXPECT_EQ(got.order, "a");
  EXPECT_EQ(got.text, "<|tool_call>{<|\"|>name<|\"|>:1}<tool_call|>ok") << got;
  EXPECT_EQ(read("<|tool_call>call: no name here<tool_call|>").text,
            "<|tool_call>call: no name here<tool_call|>");
  EXPECT_EQ(read("<|tool_call><tool_call|>ok").text, "ok");
  const std::string endless(300, 'x');
  EXPECT_EQ(read("<|tool_call>" + endless + "{}").text, "<|tool_call>" + endless + "{}");
}

TEST(Output, ACallEndsWhateverIsOpenAndIsEndedByIt) {
  EXPECT_EQ(read("<|channel>thought\nhm<|tool_call>call:f{}<tool_call|><channel|>x").order, "tca");
  EXPECT_EQ(read("<|tool_call>call:f{a:1<|tool_call>call:g{}<tool_call|>").order, "cc");
  EXPECT_EQ(read("<|tool_call>call:f{a:1<|channel>thought\nx\n<channel|>y").order, "cta");
  EXPECT_EQ(read("<|tool_call>call:f<|tool_call>call:g{}<tool_call|>").order, "cc");
}

TEST(Output, ACallWithoutItsEnd) {
  const Answer got = read("<|tool_call>call:f{a:1} }\n Done. {}");
  EXPECT_EQ(got.order, "ca");
  EXPECT_EQ(got.text, "Done. {}");
  EXPECT_EQ(call_of("<|tool_call>call:f{a:1}"), "f {\"a\":1}");
  EXPECT_EQ(call_of("<|tool_call>call:f{a:<|\"|>x<turn|>"), "f {\"a\":\"x\"}");
}

TEST(Output, MarksBetweenQuotesAreTextOfTheString) {
  EXPECT_EQ(arguments_of(R"({a:<|"|>x<|channel>thought<channel|><|tool_call><|image|>y<|"|>})"),
            R"({"a":"x<|channel>thought<channel|><|tool_call><|image|>y"})");
  EXPECT_EQ(arguments_of(R"({a:<|"|>call<tool_call|> it<|"|>,b:<|"|><tool_call|> <|"|>})"),
            R"({"a":"call<tool_call|> it","b":"<tool_call|> "})");
}

TEST(Output, TheEndOfACallBetweenQuotesIsOneIfNoTextFollows) {
  for (const char* after : {"", "<tool_call|>", " \n<turn|>", "<|tool_call>call:g{}<tool_call|>",
                            "\n<|channel>thought\n<channel|>"}) {
    const Answer got = read(fmt::format("<|tool_call>call:f{{a:<|\"|>ls}}<tool_call|>{}", after));
    ASSERT_GE(got.calls.size(), 1U);
    EXPECT_EQ(got.calls[0].arguments, R"({"a":"ls"})") << after;
  }
  EXPECT_EQ(read("<|tool_call>call:f{a:<|\"|>ls}<tool_call|>", {.ending = Ending::kCut})
                .calls.at(0)
                .completion,
            "");
}

TEST(Output, BytesThatAreNoCharacterBecomeOne) {
  const Tokenizer& tokenizer = answer_tokenizer();
  const auto byte = [&](int value) { return static_cast<TokenId>(4 + value); };
  ASSERT_EQ(tokenizer.bytes(byte(0xF0)), "\xF0");
  OutputParser parser(tokenizer, {}, {});
  AnswerJoiner joiner;
  for (const int value : {0xF0, 0x9F, 0xA6, 0x99, 0xF0, 0x9F})
    joiner.add(parser.push(byte(value)).events);
  for (const auto id : to_tokens({pieces("<|tool_call>call:f{a:<|\"|>")}, tokenizer))
    joiner.add(parser.push(id).events);
  for (const int value : {0xC3, 0x22, 0xE2, 0x82}) joiner.add(parser.push(byte(value)).events);
  for (const auto id : to_tokens({pieces("<|\"|>}<tool_call|>")}, tokenizer))
    joiner.add(parser.push(id).events);
  joiner.add(parser.push(byte(0xC3)).events);
  joiner.add(parser.finish(Ending::kStop));
  const Answer got = joiner.take();
  EXPECT_EQ(got.text, "🦙\uFFFD\uFFFD");
  EXPECT_EQ(got.calls.at(0).arguments, "{\"a\":\"\uFFFD\\\"\uFFFD\"}");
}

TEST(Output, PartsOfTokens) {
  const Tokenizer& tokenizer = answer_tokenizer();
  OutputParser parser(tokenizer, {}, {});
  std::string parts;
  for (const TokenId id :
       to_tokens({pieces("<|channel>thought\nx\n<channel|>y "
                         "\n<image|>z<|tool_call>call:f{a:<|\"|>q<|\"|>}<tool_call|><turn|>")},
                 tokenizer)) {
    const char letter = "-tac"[static_cast<int>(parser.push(id).part)];
    if (!parts.ends_with(letter)) parts += letter;
  }
  EXPECT_EQ(parts, "tac-");
  EXPECT_EQ(parser.whole_calls(), 1U);
}

TEST(Output, CutAnswersClaimNoWholeCalls) {
  const Tokenizer& tokenizer = answer_tokenizer();
  const auto whole_calls = [&](std::string_view answer, Ending ending) {
    OutputParser parser(tokenizer, {}, {});
    for (const TokenId id : to_tokens({pieces(answer)}, tokenizer)) parser.push(id);
    parser.finish(ending);
    return parser.whole_calls();
  };
  EXPECT_EQ(whole_calls("<|tool_call>call:f{a:[", Ending::kCut), 0U);
  EXPECT_EQ(whole_calls("<|tool_call>call:f{a:[", Ending::kStop), 1U);
  EXPECT_EQ(whole_calls("<|tool_call>call:f{a:[]}", Ending::kCut), 1U);
}

// The prompt is rendered as requests are.
class AfterPrompt : public testing::Test {
 protected:
  AfterPrompt() { add(Role::kUser, "Hi <|channel>"); }

  Message& add(Role role, const std::string& text) {
    messages_.emplace_back();
    messages_.back().role = role;
    if (!text.empty()) messages_.back().content = text;
    return messages_.back();
  }
  Answer read_after(const ChatOptions& options, std::string_view answer) const {
    const auto rendered = render(TemplateKind::kGemma4, messages_, {}, options);
    EXPECT_TRUE(rendered.has_value());
    return read_tokens(pieces(answer), {}, to_tokens(*rendered, answer_tokenizer()));
  }

  std::vector<Message> messages_;
};

TEST_F(AfterPrompt, AnEmptyThoughtMeansText) {
  EXPECT_EQ(read_after({.thinking = false}, " yes").text, "yes");
  EXPECT_EQ(read_after({.thinking = false}, "<|channel>thought\nhm\n<channel|>yes").order, "ta");
}

TEST_F(AfterPrompt, ThinkingMayBeginOrNot) {
  EXPECT_EQ(read_after({.thinking = true}, "<|channel>thought\nhm\n<channel|>yes").order, "ta");
  EXPECT_EQ(read_after({.thinking = true}, "yes").order, "a");
}

TEST_F(AfterPrompt, ResultsOfToolsOpenAThought) {
  add(Role::kAssistant, "").tool_calls.push_back({"1", "f", {}});
  add(Role::kTool, "sunny <tool_response|>").tool_call_id = "1";
  const Answer got = read_after({.thinking = true}, "hm\n<channel|>yes");
  EXPECT_EQ(got.thought, "[hm]");
  EXPECT_EQ(got.text, "yes");
  EXPECT_EQ(read_after({.thinking = true}, "<channel|>yes").order, "a");
  EXPECT_EQ(read_after({.thinking = false}, "yes").order, "a");
  EXPECT_EQ(read_after({.thinking = false}, "<|tool_call>call:f{}<tool_call|>").order, "c");
}

TEST_F(AfterPrompt, AContinuedMessageKeepsItsWhiteSpace) {
  add(Role::kAssistant, "Sure, ");
  EXPECT_EQ(read_after({.continue_final = true}, " why not ").text, " why not");
}

TEST(OutputPrompt, MayEndAnywhereInAThought) {
  const auto after = [](std::string_view prompt, std::string_view answer) {
    const auto ids = to_tokens({pieces(prompt)}, answer_tokenizer());
    return read_tokens(pieces(answer), {}, ids);
  };
  EXPECT_EQ(after("<|turn>model\n<|channel>", "thought\nhm<channel|>x").thought, "[hm]");
  EXPECT_EQ(after("<|turn>model\n<|channel>tho", "ught\nhm<channel|>x").thought, "[hm]");
  EXPECT_EQ(after("<|turn>model\n<|channel>thought\nIt is\n", "raining<channel|>x").thought,
            "[raining]");
}

TEST(OutputPrompt, MayBeginACall) {
  const auto ids =
      to_tokens({pieces("<|turn>model\n<|tool_call>call:f{a:<|\"|>x")}, answer_tokenizer());
  const Answer got = read_tokens(pieces("y<|\"|>}<tool_call|>"), {}, ids);
  ASSERT_EQ(got.calls.size(), 1U);
  EXPECT_EQ(got.calls[0], (Answer::Call{"f", R"({"a":"xy"})", ""}));
}

TEST(OutputPrompt, WithoutMarksItIsText) {
  const auto ids = to_tokens({plain("Once upon")}, answer_tokenizer());
  EXPECT_EQ(read_tokens(pieces("a time"), {}, ids).text, "a time");
}

TEST(Output, ATurnThatIsOpenedAgainLosesItsName) {
  EXPECT_EQ(read("<|turn>model\nHello").text, "Hello");
}

}  // namespace
}  // namespace g4::chat
