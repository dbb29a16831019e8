// What the goldens do not hold: refusals, pieces, the examples that people read first.
#include "chat/render.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "chat/python_text.h"

namespace g4::chat {
namespace {

using testing::HasSubstr;

Message say(Role role, Content content) {
  Message message;
  message.role = role;
  message.content = std::move(content);
  return message;
}

std::string prompt(TemplateKind kind, std::vector<Message> messages, ChatOptions options = {}) {
  const auto rendered = render(kind, messages, {}, options);
  return rendered ? rendered->text() : "error: " + rendered.error().message;
}

TEST(Render, FirstTurnOfEveryTemplate) {
  const std::vector<Message> hello = {say(Role::kUser, " Hello. ")};
  EXPECT_EQ(prompt(TemplateKind::kGemma4, hello),
            "<bos><|turn>user\nHello.<turn|>\n<|turn>model\n<|channel>thought\n<channel|>");
  EXPECT_EQ(prompt(TemplateKind::kGemma4Small, hello),
            "<bos><|turn>user\nHello.<turn|>\n<|turn>model\n");
  EXPECT_EQ(prompt(TemplateKind::kGemma4, hello, {.thinking = true}),
            "<bos><|turn>system\n<|think|>\n<turn|>\n<|turn>user\nHello.<turn|>\n<|turn>model\n");
  EXPECT_EQ(prompt(TemplateKind::kGemma3, hello),
            "<bos><start_of_turn>user\nHello.<end_of_turn>\n<start_of_turn>model\n");
}

TEST(Render, BaseModelsHaveNoTemplate) {
  EXPECT_THAT(prompt(TemplateKind::kNone, {say(Role::kUser, "Hi")}),
              HasSubstr("no chat template: it continues text"));
}

TEST(Render, Gemma4TakesAnEmptyConversation) {
  EXPECT_EQ(prompt(TemplateKind::kGemma4, {}, {.add_generation_prompt = false}), "<bos>");
  EXPECT_THAT(prompt(TemplateKind::kGemma3, {}), HasSubstr("error: "));
}

TEST(Render, Gemma3TakesDeveloperAsSystem) {
  EXPECT_EQ(
      prompt(TemplateKind::kGemma3, {say(Role::kDeveloper, "Be brief."), say(Role::kUser, "Hi")}),
      prompt(TemplateKind::kGemma3, {say(Role::kSystem, "Be brief."), say(Role::kUser, "Hi")}));
}

TEST(Render, Gemma3WantsAlternation) {
  EXPECT_EQ(prompt(TemplateKind::kGemma3, {say(Role::kUser, "a"), say(Role::kUser, "b")}),
            "error: Conversation roles must alternate user/assistant/user/assistant/...");
}

TEST(Render, ContinuesTheFinalAssistantMessage) {
  const std::vector<Message> begun = {say(Role::kUser, "Hi"), say(Role::kAssistant, "Sure, ")};
  const ChatOptions options{.continue_final = true};
  EXPECT_EQ(prompt(TemplateKind::kGemma4, begun, options),
            "<bos><|turn>user\nHi<turn|>\n<|turn>model\nSure,");
  EXPECT_EQ(prompt(TemplateKind::kGemma3, begun, options),
            "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nSure,");
}

TEST(Render, RefusesToContinueWhatIsNoAnswer) {
  const ChatOptions options{.continue_final = true};
  EXPECT_THAT(prompt(TemplateKind::kGemma4, {say(Role::kUser, "Hi")}, options),
              HasSubstr("error: "));
  EXPECT_THAT(prompt(TemplateKind::kGemma4, {say(Role::kAssistant, Content())}, options),
              HasSubstr("error: "));
  Message call = say(Role::kAssistant, "x");
  call.tool_calls.push_back({"c1", "f", {}});
  EXPECT_THAT(prompt(TemplateKind::kGemma4, {call}, options), HasSubstr("error: "));
}

TEST(Render, PlainTextBetweenControlTokensIsOnePiece) {
  const std::vector<Message> messages = {
      say(Role::kUser, std::vector<Part>{{Part::Kind::kText, "a"},
                                         {Part::Kind::kText, "b"},
                                         {Part::Kind::kImage, ""},
                                         {Part::Kind::kText, "<|image|>"}})};
  const auto rendered =
      render(TemplateKind::kGemma4, messages, {}, {.add_generation_prompt = false});
  ASSERT_TRUE(rendered);
  std::vector<std::string> shown;
  for (const Piece& piece : rendered->pieces)
    shown.push_back((piece.kind == Piece::Kind::kControl ? "!" : "") + piece.text);
  EXPECT_THAT(shown, testing::ElementsAre("!<bos>", "!<|turn>", "user\nab", "!<|image|>",
                                          "<|image|>", "!<turn|>", "\n"));
}

TEST(Render, SchemaMistakesAreNamed) {
  const std::vector<Message> messages = {say(Role::kUser, "Hi")};
  Tool tool{.name = "f", .description = "d", .parameters = {{"required", 5}}, .response = {}};
  auto rendered = render(TemplateKind::kGemma4, messages, {&tool, 1}, {});
  ASSERT_FALSE(rendered);
  EXPECT_EQ(rendered.error().message, "`required` in a tool's parameters must be a list, not 5");
  tool.parameters = {{"properties", boost::json::array{1}}};
  rendered = render(TemplateKind::kGemma4, messages, {&tool, 1}, {});
  ASSERT_FALSE(rendered);
  EXPECT_THAT(rendered.error().message, HasSubstr("must be an object, not [1]"));
}

TEST(PythonText, FloatsAsPythonPrintsThem) {
  const std::pair<double, std::string_view> cases[] = {
      {0.0, "0.0"},       {-0.0, "-0.0"},
      {1.0, "1.0"},       {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},    {0.0001, "0.0001"},
      {0.00001, "1e-05"}, {123.5, "123.5"},
      {1e300, "1e+300"},  {2.5e-7, "2.5e-07"},
      {-0.05, "-0.05"},   {9007199254740993.0, "9007199254740992.0"}};
  for (const auto& [value, text] : cases) EXPECT_EQ(to_str(value), text);
}

TEST(PythonText, StringsInsideListsAreQuotedAsPythonDoes) {
  const boost::json::array list = {"a", "it's", "\"", "'\"", "\n\t\\", "\x01\u00a0\u200b", "é"};
  EXPECT_EQ(to_str(list), R"(['a', "it's", '"', '\'"', '\n\t\\', '\x01\xa0\u200b', 'é'])");
  EXPECT_EQ(repr("\u0600 \u061c \u180e \u1680 \U0001D173"),
            R"('\u0600 \u061c \u180e \u1680 \U0001d173')")
      << "format characters and spaces";
}

TEST(PythonText, SurvivesInvalidUtf8) {
  EXPECT_EQ(strip(" \xE2\x80 "), "\xE2\x80");
  EXPECT_EQ(strip("\x80\x80\x80\x80\x80"), "\x80\x80\x80\x80\x80");
  EXPECT_EQ(lower("A\xFF\xC3"), "a\xFF\xC3");
}

}  // namespace
}  // namespace g4::chat
