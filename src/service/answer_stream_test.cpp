// Answers to chats: where they end, and what they say of it.
#include "service/answer_stream.h"

#include "chat/test_answer.h"

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

}  // namespace
}  // namespace g4
