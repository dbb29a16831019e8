#include "api/generation.h"

#include <gtest/gtest.h>

namespace g4::api {
namespace {

using Part = chat::OutputParser::Part;

ChatDelta delta(TokenId id, Part part, std::vector<chat::OutputEvent> events) {
  return {std::move(events), SampledToken{id, 0, 0, {}}, part};
}

std::vector<TokenId> ids(const AnswerBlock& block) {
  std::vector<TokenId> found;
  for (const SampledToken& token : block.tokens) found.push_back(token.id);
  return found;
}

TEST(Choice, BlocksHoldTheTokensOfTheirText) {
  Choice choice;
  choice.add(delta(1, Part::kText, {}));  // white space that may yet be dropped
  choice.add(delta(2, Part::kText, {chat::TextDelta{"a"}}));
  choice.add(delta(3, Part::kNone, {chat::ToolCallBegin{0, "f"}}));
  choice.add(delta(4, Part::kCall, {chat::ToolCallEnd{0, ""}}));
  choice.add(delta(5, Part::kText, {}));
  choice.add(delta(6, Part::kText, {chat::TextDelta{" b"}}));
  ASSERT_EQ(choice.blocks.size(), 3u);
  EXPECT_EQ(ids(choice.blocks[0]), (std::vector<TokenId>{1, 2}));
  EXPECT_EQ(ids(choice.blocks[1]), std::vector<TokenId>());
  EXPECT_EQ(ids(choice.blocks[2]), (std::vector<TokenId>{5, 6}));
}

TEST(Choice, ACallThatWasCutIsKnown) {
  Choice choice;
  choice.add(delta(1, Part::kCall, {chat::ToolCallBegin{0, "f"}, chat::ToolCallEnd{0, ""}}));
  choice.add(delta(2, Part::kCall,
                   {chat::ToolCallBegin{1, "g"}, chat::ToolCallArguments{1, "{\"a\":\"b"},
                    chat::ToolCallEnd{1, "\"}"}}));
  EXPECT_FALSE(choice.blocks[0].cut);
  EXPECT_TRUE(choice.blocks[1].cut);
  EXPECT_EQ(choice.blocks[1].text, R"({"a":"b"})");
}

}  // namespace
}  // namespace g4::api
