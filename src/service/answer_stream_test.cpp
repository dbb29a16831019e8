// Answers to chats: where they end, and what they say of it.
#include "service/answer_stream.h"

#include <future>

#include "chat/test_answer.h"
#include "engine/fake_runner.h"

namespace g4 {
namespace {

// Why an answer of at most one call ended that did not end itself.
Finished::Reason reason_of(std::string_view answer) {
  GenerateRequest request;
  request.chat = ChatFormat{.tools = {}, .one_call = true};
  const auto stream = make_answer_stream(chat::answer_tokenizer(), request);
  Finished finished;
  finished.reason = Finished::Reason::kLength;
  for (const TokenId id : chat::to_tokens({chat::pieces(answer)}, chat::answer_tokenizer()))
    if (!stream->complete()) stream->push({.id = id, .logprob = 0, .rank = 0, .top = {}});
  if (!stream->complete()) stream->finish(chat::Ending::kCut);
  stream->describe(finished);
  return finished.reason;
}

TEST(AnswerStream, TheOnlyCallEndsTheAnswerUnlessItWasCut) {
  EXPECT_EQ(reason_of("<|tool_call>call:f{a:1}<tool_call|>more"), Finished::Reason::kToolCalls);
  EXPECT_EQ(reason_of("<|tool_call>call:f{a:1"), Finished::Reason::kLength);
  EXPECT_EQ(reason_of("Hm. <|tool_call>call:f{a:<|\"|>rm -r /"), Finished::Reason::kLength);
}

std::string text_of(std::string_view answer, bool exact) {
  GenerateRequest request;
  request.chat = ChatFormat{.tools = {}, .one_call = false, .exact_text = exact};
  const auto stream = make_answer_stream(chat::answer_tokenizer(), request);
  std::string text;
  const auto add = [&](const ServiceEvent& event) {
    for (const chat::OutputEvent& each : std::get<ChatDelta>(event).events)
      if (const auto* delta = std::get_if<chat::TextDelta>(&each)) text += delta->text;
  };
  for (const TokenId id : chat::to_tokens({chat::pieces(answer)}, chat::answer_tokenizer()))
    add(stream->push({.id = id, .logprob = 0, .rank = 0, .top = {}}));
  if (const auto rest = stream->finish(chat::Ending::kStop)) add(*rest);
  return text;
}

// A choice of " yes", or a grammar whose answers end in a line break.
TEST(AnswerStream, BlanksThatAGrammarAsksForStay) {
  for (const char* answer : {" yes", "1+1=2\n", "\n", "\n a \n\n b \n"})
    EXPECT_EQ(text_of(answer, true), answer);
  EXPECT_EQ(text_of("<|channel>thought\nhm\n<channel|> yes\n", true), " yes\n");
  EXPECT_EQ(text_of("<|channel>thought\nhm\n<channel|> yes\n", false), "yes");
}

// What the client stops did not end by itself: half a call must not look like a whole one.
TEST(AnswerStream, AStopTokenOfTheRequestCutsACall) {
  const Tokenizer& tokenizer = chat::answer_tokenizer();
  FakeRunnerOptions fake;
  fake.limits.vocab_size = tokenizer.size();
  fake.scripts = {
      {{5},
       chat::to_tokens(
           {chat::pieces("<|tool_call>call:f{a:<|\"|>rm -r /tmp<|\"|>}<tool_call|><turn|>")},
           tokenizer)}};
  Engine engine(std::make_unique<FakeRunner>(fake), {});
  Service service(engine, tokenizer);
  const auto run = [&](std::vector<TokenId> stop) {
    GenerateRequest r;
    r.prompt = {5};
    r.sampling.temperature = 0;
    r.stop_tokens = std::move(stop);
    r.chat = ChatFormat{};
    std::promise<std::pair<std::string, Finished::Reason>> done;  // the call's completion
    std::string completion;
    service.submit(r, [&](ServiceEvent event) {
      if (const auto* delta = std::get_if<ChatDelta>(&event))
        for (const chat::OutputEvent& each : delta->events)
          if (const auto* end = std::get_if<chat::ToolCallEnd>(&each)) completion = end->completion;
      if (const auto* end = std::get_if<Finished>(&event))
        done.set_value({completion, end->reason});
    });
    return done.get_future().get();
  };
  EXPECT_EQ(run({}), std::pair(std::string(), Finished::Reason::kToolCalls));
  EXPECT_EQ(run(tokenizer.encode("/")), std::pair(std::string(" \"}"), Finished::Reason::kStop));
  // Behind its arguments a call is whole.
  EXPECT_EQ(run({*tokenizer.find("<tool_call|>")}),
            std::pair(std::string(), Finished::Reason::kToolCalls));
}

}  // namespace
}  // namespace g4
