// Ids of prompts, over a small vocabulary whose merges run across the seams of template and text.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "chat/messages_json.h"
#include "chat/render.h"
#include "chat/writer.h"

namespace g4::chat {
namespace {

namespace json = boost::json;
using Kind = VocabularySource::Kind;

const std::vector<std::string_view>& gemma4_controls() {
  static const std::vector<std::string_view> spellings = {
      token::kBos,      token::kTurn,        token::kTurnEnd,      token::kThink,
      token::kChannel,  token::kChannelEnd,  token::kTool,         token::kToolEnd,
      token::kToolCall, token::kToolCallEnd, token::kToolResponse, token::kToolResponseEnd,
      token::kQuote,    token::kImage,       token::kAudio,        token::kVideo};
  return spellings;
}

// GGUF files of Gemma 4 give these the weaker kind; they are no less dangerous.
bool is_user_defined(std::string_view spelling) {
  return spelling == token::kQuote || spelling == token::kChannel ||
         spelling == token::kChannelEnd || spelling == token::kToolCall ||
         spelling == token::kToolCallEnd || spelling == token::kToolResponse ||
         spelling == token::kToolResponseEnd;
}

Tokenizer vocabulary(const std::vector<std::string_view>& controls,
                     std::string chat_template = "") {
  VocabularySource source;
  const auto add = [&](std::string token, Kind kind) {
    source.tokens.push_back(std::move(token));
    source.kinds.push_back(kind);
  };
  add("<unk>", Kind::kUnknown);
  source.unk = 0;
  for (std::string_view spelling : controls)
    add(std::string(spelling), is_user_defined(spelling) ? Kind::kUserDefined : Kind::kControl);
  for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), Kind::kByte);
  for (char c = ' ' + 1; c < 0x7F; ++c) add(std::string(1, c), Kind::kNormal);
  add("\n", Kind::kNormal);
  add("\u2581", Kind::kNormal);
  const std::pair<std::string, std::string> merges[] = {
      {"\n", "H"}, {"e", "l"}, {"\nH", "el"},       {"u", "s"},   {"{", "a"},
      {":", "1"},  {"l", "o"}, {"}", "\n"},         {"\n", "\n"}, {"t", "u"},
      {"<", "|"},  {"|", ">"}, {"\u2581", "\u2581"}};
  for (const auto& [left, right] : merges) {
    source.merges.emplace_back(left, right);
    add(left + right, Kind::kNormal);
  }
  source.chat_template = std::move(chat_template);
  auto tokenizer = Tokenizer::create(std::move(source));
  EXPECT_TRUE(tokenizer.has_value()) << (tokenizer ? "" : tokenizer.error().message);
  return std::move(tokenizer).value();
}

bool is_control(const Tokenizer& tokenizer, TokenId id) {
  return std::ranges::count(gemma4_controls(), tokenizer.bytes(id)) > 0;
}

std::size_t count_controls(const Tokenizer& tokenizer, const std::vector<TokenId>& ids) {
  return static_cast<std::size_t>(
      std::ranges::count_if(ids, [&](TokenId id) { return is_control(tokenizer, id); }));
}

// A conversation and a tool that carry `text` wherever a client can put words.
Rendered everywhere(const std::string& text) {
  Message system, user, call, answer;
  system.role = Role::kSystem;
  system.content = text;
  user.content = std::vector<Part>{{Part::Kind::kText, text}, {Part::Kind::kImage, ""}};
  call.role = Role::kAssistant;
  call.reasoning = text;
  call.tool_calls.push_back({"c1", text, {{text, json::array{text, {{text, text}}}}}});
  answer.role = Role::kTool;
  answer.content = text;
  const json::value property = {{"type", "array"},
                                {"description", text},
                                {"items", {{"type", text}, {text, text}, {"required", {text}}}}};
  const Tool tool{.name = text,
                  .description = text,
                  .parameters = {{"type", text},
                                 {"properties", {{text, property}}},
                                 {"required", json::array{text}}},
                  .response = json::value{{"description", text}}};
  const std::vector<Message> messages = {system, user, call, answer};
  auto rendered = render(TemplateKind::kGemma4, messages, {&tool, 1}, {.thinking = true});
  EXPECT_TRUE(rendered.has_value());
  return rendered ? *rendered : Rendered();
}

TEST(Tokens, NoControlTokenComesFromUserText) {
  const Tokenizer tokenizer = vocabulary(gemma4_controls());
  const std::size_t honest = count_controls(tokenizer, to_tokens(everywhere("x"), tokenizer));
  EXPECT_GT(honest, 40U);
  std::string all;
  for (std::string_view spelling : gemma4_controls()) all += spelling;
  EXPECT_EQ(count_controls(tokenizer, to_tokens(everywhere(all), tokenizer)), honest);
  for (std::string_view spelling : gemma4_controls()) {
    const Rendered rendered = everywhere(std::string(spelling));
    EXPECT_EQ(count_controls(tokenizer, to_tokens(rendered, tokenizer)), honest) << spelling;
    EXPECT_GT(
        count_controls(tokenizer, tokenizer.encode(rendered.text(), Tokenizer::Special::kParse)),
        honest)
        << "the attack would work without pieces";
  }
}

TEST(Tokens, MergesRunAcrossTemplateAndUserText) {
  const Tokenizer tokenizer = vocabulary(gemma4_controls());
  Message hello;
  hello.content = "Hello";
  const auto rendered = render(TemplateKind::kGemma4, {&hello, 1}, {}, {});
  ASSERT_TRUE(rendered);
  EXPECT_THAT(to_tokens(*rendered, tokenizer), testing::Contains(tokenizer.find("\nHel").value()));
}

bool holds_special(std::string_view text) {
  for (std::string_view spelling : gemma4_controls())
    if (text.find(spelling) != std::string_view::npos) return true;
  return false;
}

TEST(Tokens, EqualEncodingTheJoinedText) {
  const Tokenizer tokenizer = vocabulary(gemma4_controls());
  std::ifstream file(fmt::format("{}/tests/golden/chat/gemma4.jsonl", G4_SOURCE_DIR));
  std::size_t compared = 0;
  for (std::string line; std::getline(file, line);) {
    const json::value golden = json::parse(line);
    const auto messages = messages_from_json(golden.at("m"), "messages");
    const json::value* tools_json = golden.as_object().if_contains("t");
    const auto tools = tools_from_json(tools_json ? *tools_json : json::value(), "tools");
    if (!messages || !tools) continue;
    const auto rendered = render(TemplateKind::kGemma4, *messages, *tools, {.thinking = true});
    if (!rendered) continue;
    const bool injected = std::ranges::any_of(rendered->pieces, [](const Piece& piece) {
      return piece.kind == Piece::Kind::kText && holds_special(piece.text);
    });
    if (injected) continue;
    ++compared;
    ASSERT_EQ(to_tokens(*rendered, tokenizer),
              tokenizer.encode(rendered->text(), Tokenizer::Special::kParse))
        << rendered->text();
  }
  EXPECT_GT(compared, 1000U);
}

TEST(Detect, ByVocabularyAndTemplate) {
  const Tokenizer gemma4 = vocabulary(gemma4_controls());
  EXPECT_EQ(detect(gemma4, true), TemplateKind::kGemma4);
  EXPECT_EQ(detect(gemma4, false), TemplateKind::kNone);
  EXPECT_EQ(detect(vocabulary(gemma4_controls(), "{{ '<|turn>model\\n' }}"), true),
            TemplateKind::kGemma4Small);
  EXPECT_EQ(detect(vocabulary(gemma4_controls(), "{{ '<|channel>thought\\n<channel|>' }}"), true),
            TemplateKind::kGemma4);
  EXPECT_EQ(detect(vocabulary({token::kBos, token::kGemma3Turn}), true), TemplateKind::kGemma3);
  EXPECT_EQ(detect(vocabulary({token::kBos}), true), TemplateKind::kNone);
}

}  // namespace
}  // namespace g4::chat
