// What went wrong with Gemma 4's answers in other servers, one test for each report, by its number.
// All run whole, in single characters, in random pieces and as tokens (test_answer.h).
#include <array>

#include "chat/test_answer.h"

namespace g4::chat {
namespace {

Tool tool_with(std::string name, std::string_view properties) {
  boost::json::value parameters = {
      {"type", "object"}, {"properties", boost::json::parse(boost::json::string_view(properties))}};
  return {.name = std::move(name), .description = "", .parameters = parameters, .response = {}};
}

std::string calls_of(std::string_view answer, const Reading& reading = {}) {
  std::string joined;
  for (const auto& call : read(answer, reading).calls)
    joined += call.name + " " + call.arguments + ";";
  return joined;
}

// --- Tool calls unparsed, garbled, or broken by streaming

// Several delimiters in one chunk (speculative decoding): the first call lost its end.
TEST(KnownFailures, Vllm41967And42006And45068) {
  const std::string_view answer =
      R"(<|tool_call>call:read{path:<|"|>a.rs<|"|>}<tool_call|><|tool_call>call:read{path:<|"|>b.rs<|"|>,n:2}<tool_call|>)";
  EXPECT_EQ(calls_of(answer), R"(read {"path":"a.rs"};read {"path":"b.rs","n":2};)");
}

// Delimiters cut over chunks, text before and between calls.
TEST(KnownFailures, Vllm42237) {
  const Answer got = read(
      "Let me look.\n<|tool_call>call:f{a:1}<tool_call|>\nAnd:<|tool_call>call:g{}<tool_call|>");
  EXPECT_EQ(got.text, "Let me look.\n\nAnd:");
  EXPECT_EQ(got.order, "acac");
}

// Values that change their type while they grow: numbers, exponents, booleans, nested objects.
TEST(KnownFailures, Vllm42300) {
  EXPECT_EQ(arguments_of("{a:1.5e-3,b:true,c:null,d:{e:[10,200]},f:false}"),
            R"({"a":1.5e-3,"b":true,"c":null,"d":{"e":[10,200]},"f":false})");
}

// The name stands in the first event of a call and nowhere else; the dialect adds ids.
TEST(KnownFailures, Vllm42696) {
  OutputParser parser(answer_tokenizer(), {}, {});
  std::size_t begins = 0;
  for (const TokenId id :
       to_tokens({pieces("<|tool_call>call:f{a:1,b:2}<tool_call|>")}, answer_tokenizer()))
    for (const OutputEvent& event : parser.push(id).events) {
      begins += std::holds_alternative<ToolCallBegin>(event) ? 1U : 0U;
      EXPECT_TRUE(begins == 1);
    }
  EXPECT_EQ(begins, 1U);
}

// The call came back as content.
TEST(KnownFailures, LlamaCpp22786) {
  const Answer got =
      read(R"(<|tool_call>call:get_weather{city:<|"|>Paris<|"|>}<tool_call|><|tool_response>)");
  EXPECT_EQ(got.order, "c");
}

// The turn is opened again, or the call follows the thought at once.
TEST(KnownFailures, LlamaCpp21760) {
  EXPECT_EQ(
      read("<|turn>model\n<|channel>thought\nhm\n<channel|><|tool_call>call:f{}<tool_call|>").order,
      "tc");
}

// Quotation marks within strings.
TEST(KnownFailures, Ollama15241And15254And15255) {
  EXPECT_EQ(arguments_of(R"({command:<|"|>ls -F "vault/" && echo 'x'<|"|>})"),
            R"({"command":"ls -F \"vault/\" && echo 'x'"})");
}

// The stop token comes before <tool_call|>.
TEST(KnownFailures, Ollama15306) {
  EXPECT_EQ(calls_of(R"(<|tool_call>call:search{q:<|"|>say "hi"<|"|>}<turn|>)"),
            R"(search {"q":"say \"hi\""};)");
  EXPECT_EQ(calls_of(R"(<|tool_call>call:search{q:<|"|>x<|"|>})"), R"(search {"q":"x"};)");
}

// <tool_call|> twice, or <|tool_response> behind the call.
TEST(KnownFailures, Ollama15370) {
  const std::string call = R"(<|tool_call>call:f{a:<|"|>x<|"|>}<tool_call|>)";
  for (const char* after : {"<tool_call|>", "<|tool_response>", "<tool_call|> \n<tool_call|>"}) {
    const Answer got = read(call + after + "Done.");
    EXPECT_EQ(got.text, "Done.") << after;
    EXPECT_EQ(got.calls.size(), 1U);
  }
}

// Raw text, single quotes with a stray <|"|>, a string without its end.
TEST(KnownFailures, Ollama15315And15374) {
  const std::string text =
      "\n\n# Guide for Agents' Code (AGENTS.md)\n\nIt captures the *de facto* standards across "
      "`src/` and `c/`, to be consistent.";
  const Answer raw = read("<|tool_call>call:write{content:" + text);
  ASSERT_EQ(raw.calls.size(), 1U);
  EXPECT_EQ(boost::json::parse(raw.calls[0].arguments).at("content").as_string(), text.substr(2));
  EXPECT_EQ(
      calls_of(
          R"(<|tool_call>call:grep{include:<|"|>*.py<|"|>,pattern:':\s*\w+'<|"|>}<tool_call|>)"),
      R"(grep {"include":"*.py","pattern":":\\s*\\w+"};)");
  EXPECT_EQ(calls_of(R"(<|tool_call>call:bash{path:<|"|>/tmp<|"|>,command:<|"|>ls}<tool_call|>)"),
            R"(bash {"path":"/tmp","command":"ls"};)");
  EXPECT_EQ(arguments_of(
                "{path:<|\"|>App.css<|\"|>,new:`.coin {\n  /* calm, centred */\n  margin: 0;\n}`}"),
            R"({"path":"App.css","new":".coin {\n  /* calm, centred */\n  margin: 0;\n}"})");
}

// White space before bare keys, lists of objects over several lines.
TEST(KnownFailures, Ollama15494) {
  EXPECT_EQ(
      arguments_of("{edits:[\n  { newText:<|\"|># A \"b\"\n<|\"|>,\n   oldText:<|\"|>c<|\"|>} ]}"),
      R"({"edits":[{"newText":"# A \"b\"\n","oldText":"c"}]})");
}

TEST(KnownFailures, MlxLm1105) {
  EXPECT_EQ(arguments_of(R"({a:{b:[<|"|>x<|"|>,42,true]},c:<|"|>it's "q" \ <|"|>})"),
            R"({"a":{"b":["x",42,true]},"c":"it's \"q\" \\ "})");
}

// Hyphens in names, braces in strings.
TEST(KnownFailures, MlxLm1150) {
  EXPECT_EQ(
      calls_of(
          R"(<|tool_call>call:manim-video{code:<|"|>def f(): return {1: "}"}<|"|>}<tool_call|>)"),
      R"(manim-video {"code":"def f(): return {1: \"}\"}"};)");
}

// Nested arguments were cut at the first brace.
TEST(KnownFailures, MlxVlm916) {
  EXPECT_EQ(
      calls_of(
          R"(<|tool_call>call:edit{path:<|"|>t.txt<|"|>,edits:[{newText:<|"|>orange<|"|>,oldText:<|"|>apple<|"|>}]}<tool_call|>)"),
      R"(edit {"path":"t.txt","edits":[{"newText":"orange","oldText":"apple"}]};)");
}

// Commas, colons and braces within strings are no structure.
TEST(KnownFailures, MlxVlm963) {
  EXPECT_EQ(arguments_of(R"({q:<|"|>a,b:{c}[d]<|"|>,r:[<|"|>},x:1<|"|>]})"),
            R"({"q":"a,b:{c}[d]","r":["},x:1"]})");
}

// Names with colons and dots.
TEST(KnownFailures, MlxVlm1365And1379And1473) {
  for (const char* name :
       {"google-workspace:google-workspace", "mcp.calendar:list_events", "a.b-c"})
    EXPECT_EQ(calls_of(fmt::format("<|tool_call>call:{}{{limit:5}}<tool_call|>", name)),
              fmt::format("{} {{\"limit\":5}};", name));
  EXPECT_EQ(calls_of("<|tool_call>mcp.calendar:list_events{limit:5}<tool_call|>"),
            "mcp.calendar:list_events {\"limit\":5};");
}

TEST(KnownFailures, MistralRs2059And2073) {
  EXPECT_EQ(
      read(
          "<|channel>thought\nhm\n<channel|>Let me see.<|tool_call>call:f{a:[1,{b:2}]}<tool_call|>")
          .order,
      "tac");
}

// Unicode, quoted keys, several calls in a row; calls were text for lack of a parser.
TEST(KnownFailures, VllmMlx250To274) {
  EXPECT_EQ(
      calls_of(
          R"(<|tool_call>call:f{<|"|>ключ<|"|>:<|"|>日本🙂<|"|>}<tool_call|><|tool_call>call:searxng-search{}<tool_call|>)"),
      R"(f {"ключ":"日本🙂"};searxng-search {};)");
}

TEST(KnownFailures, LlamaCppPython2227) {
  const Answer got = read(R"(<|channel>thought
Need it.
<channel|><|tool_call>call:f{i:3,x:1.5,b:false,n:null,l:[<|"|>a<|"|>]}<tool_call|>)");
  EXPECT_EQ(got.thought, "[Need it.]");
  EXPECT_EQ(got.calls.at(0).arguments, R"({"i":3,"x":1.5,"b":false,"n":null,"l":["a"]})");
}

// --- The same, found beside those

// Parts of <|"|> leaked into the JSON when it was cut over chunks.
TEST(KnownFailures, Vllm38946And44522) {
  EXPECT_EQ(arguments_of(R"({content:<|"|>Buy milk<|"|>})"), R"({"content":"Buy milk"})");
}

// "true" grew to "trutrue", 108.2 to 108.02.
TEST(KnownFailures, Vllm39089And42047) {
  EXPECT_EQ(arguments_of("{all:true,left:108.2,right:22.8}"),
            R"({"all":true,"left":108.2,"right":22.8})");
}

// State of an earlier request.
TEST(KnownFailures, Vllm39214) {
  for (int request = 0; request < 3; ++request)
    EXPECT_EQ(calls_of("<|tool_call>call:f{a:1}<tool_call|>"), R"(f {"a":1};)");
}

// Bare values came as strings, quoted keys with their quotes.
TEST(KnownFailures, Vllm44715And47906) {
  EXPECT_EQ(arguments_of(R"({count:42,flag:true,m:{<|"|>3<|"|>:1}})"),
            R"({"count":42,"flag":true,"m":{"3":1}})");
}

// Quotes of JSON and Python within lists; "=" for ":".
TEST(KnownFailures, Vllm51284AndOllama17882) {
  EXPECT_EQ(arguments_of(R"({refs:["ds_1"],vars:['R, S'],opts:{"mode": "fast"},more=["x"]})"),
            R"({"refs":["ds_1"],"vars":["R, S"],"opts":{"mode":"fast"},"more":["x"]})");
  EXPECT_EQ(arguments_of(R"({code:<|"|>x=1<|"|>,save_as='report.docx',n=5,ok=True})"),
            R"({"code":"x=1","save_as":"report.docx","n":5,"ok":true})");
}

// Round brackets, then a call as it should be.
TEST(KnownFailures, Vllm53642AndOmlx1846) {
  EXPECT_EQ(
      calls_of(
          R"(<|tool_call>call:terminal(command:<|"|>ls -a (x)<|"|>)<tool_call|><|tool_call>call:f{a:1}<tool_call|>)"),
      R"-(terminal {"command":"ls -a (x)"};f {"a":1};)-");
  EXPECT_EQ(
      calls_of(
          R"(<|tool_call>call:f(a="x (y), z", b=[1, {"c": None}], d=<|"|>e<|"|>)<tool_call|>)"),
      R"(f {"a":"x (y), z","b":[1,{"c":null}],"d":"e"};)");
}

// The name without "call".
TEST(KnownFailures, Vllm54778) {
  for (const char* head : {":", "-", ""})
    EXPECT_EQ(calls_of(fmt::format("<|tool_call>{}f{{a:1}}<tool_call|>", head)), R"(f {"a":1};)");
}

// Namespaces that the model invents.
TEST(KnownFailures, Omlx1830AndMlxcel521) {
  const Reading reading{
      .tools = {tool_with("create-pdf-file", "{}"), tool_with("get_weather", "{}")}};
  EXPECT_EQ(calls_of("<|tool_call>call:google:mcp:text_generation:create-pdf-file{filename: 'a, "
                     "b.pdf'}<tool_call|>",
                     reading),
            R"(create-pdf-file {"filename":"a, b.pdf"};)");
  EXPECT_EQ(calls_of("<|tool_call>call:functions.get_weather{}<tool_call|>", reading),
            "get_weather {};");
}

// No comma between arguments.
TEST(KnownFailures, Yzma243) {
  EXPECT_EQ(arguments_of(R"({command:<|"|>look<|"|>angle:90})"),
            R"({"command":"look","angle":90})");
}

// The last brace missing.
TEST(KnownFailures, Ollama17565) {
  EXPECT_EQ(arguments_of(R"({files:[{path:<|"|>c:\Users\a.json<|"|>,start_line:1}])"),
            R"({"files":[{"path":"c:\\Users\\a.json","start_line":1}]})");
}

// A call that the length limit cut must not look whole.
TEST(KnownFailures, Ollama17564AndDynamo13791) {
  const Answer got = read(R"(<|tool_call>call:editor{insert_line:48,text:<|"|>rm -rf /home)",
                          {.ending = Ending::kCut});
  EXPECT_EQ(got.calls.at(0).completion, R"("})");
}

// Keys with spaces.
TEST(KnownFailures, Ollama18390) {
  EXPECT_EQ(
      arguments_of(
          R"({connections:{Basic LLM Chain:{main:[{node:<|"|>M<|"|>}]}, Ollama Chat Model:{main:[]}}})"),
      R"({"connections":{"Basic LLM Chain":{"main":[{"node":"M"}]},"Ollama Chat Model":{"main":[]}}})");
}

// A syntax that is none: the client must see something.
TEST(KnownFailures, Ollama18275) {
  const Answer got = read(
      "<|tool_call>call:run_terminal_command:\nBEGIN_ARG:\n<|channel>thought\n<channel|>ls\nEND_"
      "ARG\n");
  EXPECT_EQ(got.text, "<|tool_call>call:run_terminal_command:\nBEGIN_ARG:\nls\nEND_ARG");
}

// A number where the tool wants text.
TEST(KnownFailures, BareNumberForAString) {
  const Reading reading{.tools = {tool_with("f", R"({"zip":{"type":"string"}})")}};
  EXPECT_EQ(arguments_of("{zip:90210}", reading), R"({"zip":"90210"})");
}

// --- Thoughts in the content, or no content

// Other servers look for <think>; the channel leaked.
TEST(KnownFailures, LmStudio2013AndNewelle427AndHermesWebui607) {
  const Answer got = read("<|channel>thought\nsecret\n<channel|>Hello world");
  EXPECT_EQ(got.text, "Hello world");
  EXPECT_EQ(got.thought, "[secret]");
}

// Everything counted as thought, the content was empty.
TEST(KnownFailures, MlxLm1352) {
  EXPECT_EQ(read("<|channel>thought\nlong\n<channel|>\nanswer<turn|>").text, "answer");
}

// Channel and call in one answer.
TEST(KnownFailures, Omlx560) {
  EXPECT_EQ(read("<|channel>thought\na\n<channel|>x<|channel>thought\nb\n<channel|>y<|tool_call>"
                 "call:f{}<tool_call|>")
                .order,
            "tatac");
}

Answer read_behind(std::string_view prompt, std::string_view answer) {
  return read_tokens(pieces(answer), {}, to_tokens({pieces(prompt)}, answer_tokenizer()));
}

// The template opens the channel after the results of tools.
TEST(KnownFailures, Omlx2533AndVllm39885And45834) {
  const Answer got = read_behind("<|tool_response>response:f{}<tool_response|><|channel>thought\n",
                                 "It is so.\n<channel|>Yes.");
  EXPECT_EQ(got.thought, "[It is so.]");
  EXPECT_EQ(got.text, "Yes.");
}

// "thought" itself leaked into the content.
TEST(KnownFailures, RapidMlx447) {
  EXPECT_EQ(read("<|channel>thought\nHm\n<channel|>thought provoking").text, "thought provoking");
}

// No thinking wanted: an empty thought, from the prompt or the model.
TEST(KnownFailures, DockerModelRunner1039AndOllama15553) {
  EXPECT_EQ(read_behind("<|turn>model\n<|channel>thought\n<channel|>", "Paris<turn|>").order, "a");
  EXPECT_EQ(read("<|channel>thought\n<channel|>Paris<turn|>").order, "a");
}

// An answer without channel after a prompt that allows thoughts is content, streamed or not.
TEST(KnownFailures, Vllm48217) { EXPECT_EQ(read_behind("<|turn>model\n", "Paris").order, "a"); }

// A channel left open: streamed and whole agree that it is a thought.
TEST(KnownFailures, Vllm49717) {
  const Answer got = read("<|channel>thought\nParis<turn|>");
  EXPECT_EQ(got.order, "t");
  EXPECT_EQ(got.thought, "[Paris]");
}

// A call within the thought.
TEST(KnownFailures, Xgrammar684) {
  EXPECT_EQ(read("<|channel>thought\nSome\n<|tool_call>call:f{}<tool_call|>\n<channel|>").order,
            "tc");
}

}  // namespace
}  // namespace g4::chat
