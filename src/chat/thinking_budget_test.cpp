#include "chat/thinking_budget.h"

#include "chat/test_answer.h"

namespace g4::chat {
namespace {

// What an engine would write: the model's tokens, or forced ones.
std::string think(std::string_view prompt, std::string_view wish, std::uint64_t budget) {
  const Tokenizer& tokenizer = answer_tokenizer();
  ThinkingBudget thinking(tokenizer, to_tokens({pieces(prompt)}, tokenizer), budget);
  const auto wishes = to_tokens({pieces(wish)}, tokenizer);
  std::string written;
  for (std::size_t next = 0; next < wishes.size() && written.size() < 1000;) {
    const auto forced = thinking.forced();
    const TokenId token = forced ? *forced : wishes[next];
    next = token == wishes[next] ? next + 1 : wishes.size();
    thinking.push(token);
    written += tokenizer.bytes(token);
  }
  for (auto forced = thinking.forced(); forced; forced = thinking.forced()) {
    thinking.push(*forced);
    written += tokenizer.bytes(*forced);
  }
  EXPECT_FALSE(thinking.thinking() && thinking.spent() >= budget + 4);
  return written;
}

TEST(ThinkingBudget, ClosesTheThoughtWhenItIsSpent) {
  EXPECT_EQ(think("", "<|channel>thought\nxxxxxx", 3), "<|channel>thought\nxxx\n<channel|>");
  EXPECT_EQ(think("", "<|channel>thought\nxx\nxxxx", 3), "<|channel>thought\nxx\n<channel|>");
  EXPECT_EQ(think("", "<|channel>thought\nxx\n<channel|>answer", 3),
            "<|channel>thought\nxx\n<channel|>answer");
}

TEST(ThinkingBudget, OfZeroLeavesAnEmptyThought) {
  EXPECT_EQ(think("", "<|channel>thought\nx", 0), "<|channel>thought\n<channel|>");
  EXPECT_EQ(think("<|turn>model\n<|channel>thought\n", "x", 0), "<channel|>");
  EXPECT_EQ(think("<|turn>model\n<|channel>", "x", 0), "thought\n<channel|>");
  EXPECT_EQ(think("<|turn>model\n<|channel>thought\n<channel|>", "answer", 0), "answer");
}

TEST(ThinkingBudget, IsOfAllThoughtsTogether) {
  EXPECT_EQ(think("", "<|channel>thought\nxx\n<channel|>a<|channel>thought\nxxxx", 5),
            "<|channel>thought\nxx\n<channel|>a<|channel>thought\nxx\n<channel|>");
}

TEST(ThinkingBudget, OfThePromptCountsNothing) {
  EXPECT_EQ(think("<|channel>thought\nlong ago", "xxxx", 2), "xx\n<channel|>");
}

TEST(ThinkingBudget, ACharacterIsLetEnd) {
  EXPECT_EQ(think("", "<|channel>thought\nx🦙🦙", 2), "<|channel>thought\nx🦙\n<channel|>");
  const Tokenizer& tokenizer = answer_tokenizer();
  ThinkingBudget thinking(tokenizer, to_tokens({pieces("<|channel>thought\n")}, tokenizer), 1);
  int steps = 0;
  for (; !thinking.forced(); ++steps) thinking.push(4 + 0xF0);
  EXPECT_LE(steps, 5) << "bytes that never become a character";
}

// As in the output machine: what closes nothing does not close the thought either.
TEST(ThinkingBudget, StrayMarksLeaveTheThoughtOpen) {
  EXPECT_EQ(think("", "<|channel>thought\nx<tool_call|>xxxx", 3),
            "<|channel>thought\nx<tool_call|>x\n<channel|>");
  const Tokenizer& tokenizer = answer_tokenizer();
  for (const std::string_view mark : answer_marks()) {
    const auto tokens =
        to_tokens({pieces("<|channel>thought\nhm " + std::string(mark) + "so")}, tokenizer);
    ThinkingBudget thinking(tokenizer, {}, 100);
    OutputParser parser(tokenizer, {}, {});
    auto part = OutputParser::Part::kNone;
    for (const TokenId token : tokens) {
      thinking.push(token);
      part = parser.push(token).part;
    }
    EXPECT_EQ(thinking.thinking(), part == OutputParser::Part::kThought) << mark;
  }
}

TEST(ThinkingBudget, ACallEndsTheThought) {
  EXPECT_EQ(think("", "<|channel>thought\nx<|tool_call>call:f{}<tool_call|>", 2),
            "<|channel>thought\nx<|tool_call>call:f{}<tool_call|>");
}

TEST(ThinkingBudget, SaysWhileTheModelThinks) {
  const Tokenizer& tokenizer = answer_tokenizer();
  ThinkingBudget thinking(tokenizer, {}, 100);
  EXPECT_FALSE(thinking.thinking());
  thinking.push(*tokenizer.find(token::kChannel));
  EXPECT_TRUE(thinking.thinking());
  thinking.push(*tokenizer.find(token::kChannelEnd));
  EXPECT_FALSE(thinking.thinking());
}

}  // namespace
}  // namespace g4::chat
