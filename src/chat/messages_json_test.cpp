#include "chat/messages_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace g4::chat {
namespace {

namespace json = boost::json;
using testing::StartsWith;

std::vector<Message> read(std::string_view text) {
  auto messages = messages_from_json(json::parse(text), "messages");
  EXPECT_TRUE(messages.has_value()) << (messages ? "" : messages.error().message);
  return messages ? *messages : std::vector<Message>();
}

TEST(MessagesJson, ReadsEveryRole) {
  const auto messages = read(R"([{"role":"system","content":"s"},{"role":"developer","content":"d"},
    {"role":"user","content":"u"},{"role":"assistant","content":null},
    {"role":"tool","content":"t","tool_call_id":"c1","name":"f"},{"role":"function","name":"g"}])");
  ASSERT_EQ(messages.size(), 6U);
  EXPECT_EQ(messages[1].role, Role::kDeveloper);
  EXPECT_EQ(std::get<std::string>(messages[2].content), "u");
  EXPECT_TRUE(std::holds_alternative<std::monostate>(messages[3].content));
  EXPECT_EQ(messages[4].tool_call_id, "c1");
  EXPECT_EQ(messages[5].role, Role::kTool);
  EXPECT_EQ(messages[5].name, "g");
}

TEST(MessagesJson, ReadsEveryPart) {
  const auto messages = read(R"([{"role":"user","content":[{"type":"text","text":"a"},
    {"type":"image_url","image_url":{"url":"u"}},{"type":"input_audio","input_audio":{}},
    {"type":"video_url"},{"type":"refusal","refusal":"no"}]}])");
  ASSERT_EQ(messages.size(), 1U);
  std::vector<Part::Kind> kinds;
  for (const Part& part : std::get<std::vector<Part>>(messages[0].content))
    kinds.push_back(part.kind);
  EXPECT_THAT(kinds, testing::ElementsAre(Part::Kind::kText, Part::Kind::kImage, Part::Kind::kAudio,
                                          Part::Kind::kVideo, Part::Kind::kText));
}

TEST(MessagesJson, ArgumentsBecomeAnObject) {
  for (std::string_view arguments : {R"("{\"a\":1}")", R"({"a":1})"}) {
    const auto messages =
        read(R"([{"role":"assistant","tool_calls":[{"id":"c","type":"function","function":
        {"name":"f","arguments":)" +
             std::string(arguments) + "}}]}]");
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].tool_calls.at(0).arguments.at("a"), json::value(1));
  }
  const auto none = read(R"([{"role":"assistant","function_call":{"name":"f","arguments":""}}])");
  EXPECT_EQ(none.at(0).tool_calls.at(0).name, "f");
  EXPECT_TRUE(none[0].tool_calls[0].arguments.empty());
}

TEST(MessagesJson, ReasoningHasTwoNames) {
  EXPECT_EQ(read(R"([{"role":"assistant","reasoning":"","reasoning_content":"r"}])")[0].reasoning,
            "r");
  EXPECT_EQ(read(R"([{"role":"assistant","reasoning":"q","reasoning_content":"r"}])")[0].reasoning,
            "q");
}

TEST(MessagesJson, ErrorsNameThePlace) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({})", "messages: "},
      {R"([])", "messages: "},
      {R"([1])", "messages[0]: "},
      {R"([{"content":"x"}])", "messages[0].role: is missing"},
      {R"([{"role":"bot"}])", "messages[0].role: must be"},
      {R"([{"role":7}])", "messages[0].role: must be a string"},
      {R"([{"role":"user","content":{}}])", "messages[0].content: "},
      {R"([{"role":"user","content":[{"text":"x"}]}])", "messages[0].content[0].type: is missing"},
      {R"([{"role":"user","content":"a"},{"role":"user","content":[{"type":"file"}]}])",
       "messages[1].content[0].type: must be"},
      {R"([{"role":"user","content":[{"type":"text","text":null}]}])",
       "messages[0].content[0].text: is missing"},
      {R"([{"role":"assistant","tool_calls":{}}])", "messages[0].tool_calls: must be an array"},
      {R"([{"role":"assistant","tool_calls":[{}]}])", "messages[0].tool_calls[0].function: "},
      {R"([{"role":"assistant","tool_calls":[{"function":{"name":""}}]}])",
       "messages[0].tool_calls[0].function.name: "},
      {R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{"}}]}])",
       "messages[0].tool_calls[0].function.arguments: is not valid JSON"},
      {R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"[]"}}]}])",
       "messages[0].tool_calls[0].function.arguments: must hold"},
      {R"([{"role":"assistant","reasoning":[]}])", "messages[0].reasoning: "},
      {R"([{"role":"assistant","tool_responses":[{"name":"f"}]}])",
       "messages[0].tool_responses[0].response: "},
      {R"([{"role":"tool","tool_call_id":1}])", "messages[0].tool_call_id: "}};
  for (const auto& [text, begin] : cases) {
    const auto messages = messages_from_json(json::parse(text), "messages");
    ASSERT_FALSE(messages.has_value()) << text;
    EXPECT_THAT(messages.error().message, StartsWith(begin)) << text;
  }
}

TEST(ToolsJson, ReadsFunctions) {
  const auto tools = tools_from_json(json::parse(R"([{"type":"function","function":
    {"name":"f","description":null,"parameters":{"type":"object"},"strict":true}}])"),
                                     "tools");
  ASSERT_TRUE(tools);
  EXPECT_EQ(tools->at(0).name, "f");
  EXPECT_EQ(tools->at(0).parameters.at("type"), json::value("object"));
  EXPECT_FALSE(tools->at(0).response.has_value());
  EXPECT_TRUE(tools_from_json(nullptr, "tools")->empty());
}

TEST(ToolsJson, ErrorsNameThePlace) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {R"({})", "tools: "},
      {R"([{"type":"custom"}])", "tools[0].type: "},
      {R"([{"type":"function"}])", "tools[0].function: is missing"},
      {R"([{"function":{}}])", "tools[0].function.name: is missing"},
      {R"([{"function":{"name":"f","parameters":[]}}])", "tools[0].function.parameters: "},
      {R"([{"function":{"name":"f","response":1}}])", "tools[0].function.response: "}};
  for (const auto& [text, begin] : cases) {
    const auto tools = tools_from_json(json::parse(text), "tools");
    ASSERT_FALSE(tools.has_value()) << text;
    EXPECT_THAT(tools.error().message, StartsWith(begin)) << text;
  }
}

TEST(MessagesJson, PartsOfTheResponsesApiAreReadToo) {
  const boost::json::value value = boost::json::parse(
      R"([{"role": "user", "content": [{"type": "input_text", "text": "a"},
           {"type": "output_text", "text": "b"},
           {"type": "input_image", "image_url": "data:,c", "detail": "low"}]}])");
  const auto messages = messages_from_json(value, "input");
  ASSERT_TRUE(messages) << messages.error().message;
  const auto& parts = std::get<std::vector<Part>>((*messages)[0].content);
  EXPECT_EQ(parts[0].text + parts[1].text, "ab");
  EXPECT_EQ(parts[2].media.url, "data:,c");
  EXPECT_EQ(parts[2].media.options.at("detail"), "low");
  EXPECT_EQ(parts[2].media.part, "input[0].content[2]");
}

}  // namespace
}  // namespace g4::chat
