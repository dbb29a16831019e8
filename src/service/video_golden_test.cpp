// Prompts with videos against what transformers' processor writes (make_video_prompt_goldens.py).
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "chat/messages_json.h"
#include "chat/writer.h"
#include "service/media_prompt.h"
#include "text/test_vocabulary.h"

namespace g4 {
namespace {

namespace json = boost::json;

Tokenizer vocabulary() {
  TestVocabulary words;
  using namespace chat::token;
  for (const std::string_view token :
       {kTurn, kTurnEnd, kThink, kChannel, kChannelEnd, kTool, kToolEnd, kToolCall, kToolCallEnd,
        kToolResponse, kToolResponseEnd, kQuote, kImage, kVideo})
    words.add(std::string(token), TestVocabulary::Kind::kControl);
  for (const char* token : {"<|image>", "<image|>"})
    words.add(token, TestVocabulary::Kind::kControl);
  // What joins a timestamp to what stands before it.
  words.merge("\n", "0");
  words.merge("\u2581", "0");
  words.merge("0", "0");
  return Tokenizer::create(std::move(words.source)).value();
}

std::shared_ptr<const ImageInput> input(const json::object& medium) {
  auto made = std::make_shared<ImageInput>();
  made->soft_tokens = medium.at("soft_tokens").to_number<std::uint32_t>();
  return made;
}

PromptMedium video(const json::object& golden) {
  const json::value& rate = golden.at("fps");
  const double fps = rate.is_null() ? kFramesPerSecond : rate.to_number<double>();
  PromptVideo made;
  for (const json::value& index : golden.at("indices").as_array())
    made.frames.push_back(
        {static_cast<double>(index.to_number<std::int64_t>()) / fps, input(golden)});
  return made;
}

// In the order of the prompt: the URL of a part is its index among its kind.
std::vector<PromptMedium> media_of(const std::vector<chat::Message>& messages,
                                   const json::object& golden) {
  std::vector<PromptMedium> media;
  for (const chat::Message& message : messages) {
    const auto* parts = std::get_if<std::vector<chat::Part>>(&message.content);
    for (std::size_t i = 0; parts && i < parts->size(); ++i) {
      const chat::Part& part = (*parts)[i];
      if (part.kind == chat::Part::Kind::kVideo)
        media.push_back(
            video(golden.at("videos").as_array().at(std::stoul(part.media.url)).as_object()));
      else if (part.kind == chat::Part::Kind::kImage)
        media.push_back(PromptImage{
            input(golden.at("images").as_array().at(std::stoul(part.media.url)).as_object()),
            {},
            {}});
    }
  }
  return media;
}

TEST(VideoGolden, PromptsEqualTransformers) {
  std::ifstream file(G4_SOURCE_DIR "/tests/golden/chat/video_prompts.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Tokenizer tokenizer = vocabulary();
  const json::value golden = json::parse(text);
  std::size_t cases = 0;
  for (const json::value& value : golden.at("cases").as_array()) {
    const json::object& wanted = value.as_object();
    SCOPED_TRACE(std::string(wanted.at("name").as_string()));
    const auto messages = chat::messages_from_json(wanted.at("messages"), "messages");
    ASSERT_TRUE(messages) << messages.error().message;
    const auto rendered = chat::render(chat::TemplateKind::kGemma4, *messages, {}, {});
    ASSERT_TRUE(rendered);
    EXPECT_EQ(rendered->text(), std::string_view(wanted.at("rendered").as_string()));
    const auto placed = place_media(*rendered, media_of(*messages, wanted), tokenizer);
    ASSERT_TRUE(placed) << placed.error().message;
    const std::string expanded(wanted.at("expanded").as_string());
    EXPECT_EQ(tokenizer.decode(placed->tokens, false), expanded);
    EXPECT_EQ(placed->tokens, tokenizer.encode(expanded, Tokenizer::Special::kParse));
    ++cases;
  }
  EXPECT_GE(cases, 20U);
}

}  // namespace
}  // namespace g4
