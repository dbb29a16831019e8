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

}  // namespace
}  // namespace g4
