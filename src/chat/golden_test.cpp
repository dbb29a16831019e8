// Every golden conversation against the text that the published Jinja template printed.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "chat/messages_json.h"
#include "chat/render.h"

namespace g4::chat {
namespace {

namespace json = boost::json;

bool flag(const json::object& options, std::string_view name) {
  const json::value* value = options.if_contains(name);
  return value != nullptr && value->as_bool();
}

TemplateKind kind_of(std::string_view name) {
  if (name == "gemma4") return TemplateKind::kGemma4;
  if (name == "gemma4_small") return TemplateKind::kGemma4Small;
  return name == "gemma3" ? TemplateKind::kGemma3 : TemplateKind::kNone;
}

Result<std::string> render_case(const json::object& golden) {
  const json::object& given = golden.at("o").as_object();
  const ChatOptions options{.thinking = flag(given, "thinking"),
                            .preserve_thinking = flag(given, "preserve"),
                            .add_generation_prompt = flag(given, "generate"),
                            .continue_final = flag(given, "continue")};
  const auto messages = G4_TRY(messages_from_json(golden.at("m"), "messages"));
  const json::value* tools_json = golden.if_contains("t");
  const auto tools = G4_TRY(tools_from_json(tools_json ? *tools_json : json::value(), "tools"));
  const TemplateKind kind = kind_of(std::string_view(golden.at("k").as_string()));
  return G4_TRY(render(kind, messages, tools, options)).text();
}

void check_file(std::string_view name, std::size_t cases_min, std::size_t raises_min) {
  std::ifstream file(fmt::format("{}/tests/golden/chat/{}", G4_SOURCE_DIR, name));
  std::size_t cases = 0, raises = 0;
  for (std::string line; std::getline(file, line) && !testing::Test::HasFailure(); ++cases) {
    const json::value golden = json::parse(line);
    const json::value& expected = golden.at("x");
    const auto got = render_case(golden.as_object());
    SCOPED_TRACE(fmt::format("{} line {}: {}", name, cases + 1, line));
    if (expected.is_null()) {
      ++raises;
      EXPECT_FALSE(got.has_value()) << *got;
    } else if (!got) {
      ADD_FAILURE() << got.error().message;
    } else {
      EXPECT_EQ(*got, std::string_view(expected.as_string()));
    }
  }
  EXPECT_GE(cases, cases_min) << name;
  EXPECT_GE(raises, raises_min) << name;
}

TEST(ChatGolden, Gemma4EqualsTheCanonicalTemplate) { check_file("gemma4.jsonl", 2000, 20); }
// Rounds of calls with results of every kind, over schemas as libraries write them.
TEST(ChatGolden, Gemma4AgentsEqualTheCanonicalTemplate) {
  check_file("gemma4_agents.jsonl", 350, 0);
}
TEST(ChatGolden, Gemma4SmallHasNoEmptyThought) { check_file("gemma4_small.jsonl", 100, 0); }
// Before anything takes the places of the placeholders.
TEST(ChatGolden, PromptsWithVideos) {
  std::ifstream file(G4_SOURCE_DIR "/tests/golden/chat/video_prompts.json");
  std::stringstream bytes;
  bytes << file.rdbuf();
  const json::value golden = json::parse(bytes.str());
  EXPECT_GE(golden.at("cases").as_array().size(), 20U);
  for (const json::value& prompt : golden.at("cases").as_array()) {
    const auto messages = messages_from_json(prompt.at("messages"), "messages");
    ASSERT_TRUE(messages) << messages.error().message;
    const auto got = render(TemplateKind::kGemma4, *messages, {}, {});
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_EQ(got->text(), std::string_view(prompt.at("rendered").as_string()))
        << prompt.at("name");
  }
}
TEST(ChatGolden, Gemma3EqualsThePublishedTemplate) { check_file("gemma3.jsonl", 500, 50); }

}  // namespace
}  // namespace g4::chat
