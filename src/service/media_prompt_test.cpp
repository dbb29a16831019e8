#include "service/media_prompt.h"

#include <gmock/gmock.h>

#include "chat/writer.h"
#include "text/test_vocabulary.h"

namespace g4 {
namespace {

PreparedImage prepared(std::int32_t width, std::int32_t height, std::uint8_t colour) {
  const std::size_t bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  const auto image = make_image({width, height}, std::vector<std::uint8_t>(bytes, colour));
  return prepare_image(*image, ImageBudget::k70).value();
}

PromptImage picture(std::int32_t width, std::int32_t height, std::uint8_t colour) {
  return make_prompt_image({width, height}, prepared(width, height, colour));
}

Tokenizer vocabulary(std::initializer_list<const char*> tokens = {"<|image>", "<|image|>",
                                                                  "<image|>", "<|video|>"}) {
  TestVocabulary words;
  for (const char* token : tokens) words.add(token, TestVocabulary::Kind::kControl);
  words.merge("x", "0");  // a word and a timestamp share a token
  return Tokenizer::create(std::move(words.source)).value();
}

chat::Rendered prompt(std::initializer_list<chat::Piece> pieces) { return {pieces}; }
chat::Piece control(std::string_view token) {
  return {chat::Piece::Kind::kControl, std::string(token)};
}
chat::Piece text(std::string_view words) { return {chat::Piece::Kind::kText, std::string(words)}; }

TEST(MediaPrompt, ImagesBecomeSoftTokens) {
  const Tokenizer tokenizer = vocabulary();
  const PromptImage tall = picture(48, 48 * 70, 1);  // one cell wide, 70 high
  ASSERT_EQ(tall.input->soft_tokens, 70U);
  EXPECT_EQ(tall.input->columns, 3);
  EXPECT_EQ(tall.input->rows, 210);
  EXPECT_EQ(tall.input->patches.size(), 630U * 768);
  const PromptImage wide = picture(48 * 70, 48, 1);
  const PromptMedium media[] = {tall, wide};
  const auto placed =
      place_media(prompt({control("<bos>"), control("<|image|>"), text("a"), control("<|image|>")}),
                  media, tokenizer);
  ASSERT_TRUE(placed) << placed.error().message;
  const auto id = [&](std::string_view token) { return *tokenizer.find(token); };
  std::vector<TokenId> want = {id("<bos>"), id("<|image>")};
  want.insert(want.end(), 70, id("<|image|>"));
  for (const char* token : {"<image|>", "a", "<|image>"}) want.push_back(id(token));
  want.insert(want.end(), 70, id("<|image|>"));
  want.push_back(id("<image|>"));
  EXPECT_EQ(placed->tokens, want);
  ASSERT_EQ(placed->images.size(), 2U);
  EXPECT_EQ(placed->images[0].begin, 2U);
  EXPECT_EQ(placed->images[0].end, 72U);
  EXPECT_EQ(placed->images[1].begin, 75U);
  EXPECT_EQ(placed->images[1].image, wide.input);
  EXPECT_EQ(prompt_tokens(media[0]), 72U);
}

TEST(MediaPrompt, FramesOfAVideoFollowTheirTimes) {
  const Tokenizer tokenizer = vocabulary();
  const PromptImage frame = picture(48 * 2, 48, 5);
  PromptVideo video;
  video.frames = {{0.9, frame.input}, {61, frame.input}};
  const PromptMedium media[] = {video};
  const auto placed =
      place_media(prompt({text("x"), control("<|video|>"), text("y")}), media, tokenizer);
  ASSERT_TRUE(placed) << placed.error().message;
  std::vector<TokenId> short_form;  // one <|video|> a frame
  for (const TokenId token : placed->tokens)
    if (short_form.empty() || token != short_form.back() || token != *tokenizer.find("<|video|>"))
      short_form.push_back(token);
  EXPECT_EQ(tokenizer.decode(short_form, false),
            "x00:00 <|image><|video|><image|> 01:01 <|image><|video|><image|>y");
  EXPECT_EQ(placed->tokens.front(), *tokenizer.find("x0"));
  ASSERT_EQ(placed->images.size(), 2U);
  for (const ImageSpan& span : placed->images) {
    EXPECT_EQ(span.end - span.begin, frame.input->soft_tokens);
    EXPECT_EQ(placed->tokens[span.begin - 1], *tokenizer.find("<|image>"));
    EXPECT_EQ(placed->tokens[span.begin], *tokenizer.find("<|video|>"));
    EXPECT_EQ(placed->tokens[span.end], *tokenizer.find("<image|>"));
  }
  EXPECT_EQ(prompt_tokens(media[0]), 2 * (frame.input->soft_tokens + 2U));
}

TEST(MediaPrompt, MinutesGoOnPastAnHour) {
  EXPECT_EQ(timestamp(0), "00:00");
  EXPECT_EQ(timestamp(59.999), "00:59");
  EXPECT_EQ(timestamp(3723), "62:03");
  EXPECT_EQ(timestamp(6000), "100:00");
}

TEST(MediaPrompt, WordsOfAUserAreNoPlace) {
  const Tokenizer tokenizer = vocabulary();
  const auto placed = place_media(prompt({text("<|image|>")}), {}, tokenizer);
  ASSERT_TRUE(placed);
  EXPECT_TRUE(placed->images.empty());
  EXPECT_GT(placed->tokens.size(), 1U);
}

TEST(MediaPrompt, KeysTellImagesApart) {
  EXPECT_EQ(picture(96, 96, 3).input->key, picture(96, 96, 3).input->key);
  EXPECT_NE(picture(96, 96, 3).input->key, picture(96, 96, 4).input->key);
  // The same grey values in another shape.
  EXPECT_NE(picture(48, 48 * 70, 1).input->key, picture(48 * 70, 48, 1).input->key);
}

TEST(MediaPrompt, CountsAndKindsMustAgree) {
  const Tokenizer tokenizer = vocabulary();
  const PromptMedium image = picture(96, 96, 3);
  const PromptMedium two[] = {image, image};
  const chat::Rendered one_place = prompt({control("<|image|>")});
  EXPECT_THAT(place_media(one_place, two, tokenizer).error().message,
              testing::HasSubstr("no place for the last 1"));
  EXPECT_FALSE(place_media(one_place, {}, tokenizer));
  EXPECT_FALSE(place_media(prompt({control("<|video|>")}), std::span(two, 1), tokenizer));
  const Tokenizer stills = vocabulary({"<|image>", "<|image|>", "<image|>"});
  EXPECT_TRUE(place_media(one_place, std::span(two, 1), stills));
  PromptVideo video;
  video.frames = {{0, std::get<PromptImage>(image).input}};
  const PromptMedium moving[] = {video};
  EXPECT_THAT(place_media(prompt({control("<|video|>")}), moving, stills).error().message,
              testing::HasSubstr("no videos"));
  const Tokenizer blind = Tokenizer::create(TestVocabulary().source).value();
  EXPECT_THAT(place_media(one_place, std::span(two, 1), blind).error().message,
              testing::HasSubstr("no images"));
}

}  // namespace
}  // namespace g4
