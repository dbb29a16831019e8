#include "service/image_prompt.h"

#include <gmock/gmock.h>

namespace g4 {
namespace {

std::shared_ptr<const ImageInput> prepared(std::int32_t width, std::int32_t height,
                                           std::uint8_t colour) {
  const std::size_t bytes = static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3;
  auto image = make_image({width, height}, std::vector<std::uint8_t>(bytes, colour));
  return make_image_input(std::move(prepare_image(*image, ImageBudget::k70)).value());
}

TEST(ImagePrompt, PlaceholdersBecomeSoftTokens) {
  const ImageTokens ids{7, 8, 9};
  const auto tall = prepared(48, 48 * 70, 1);  // one cell wide, 70 high
  ASSERT_EQ(tall->soft_tokens, 70U);
  EXPECT_EQ(tall->columns, 3);
  EXPECT_EQ(tall->rows, 210);
  EXPECT_EQ(tall->patches.size(), 630U * 768);
  const auto wide = prepared(48 * 70, 48, 1);
  const TokenId prompt[] = {1, 8, 2, 3, 8};
  const std::shared_ptr<const ImageInput> images[] = {tall, wide};
  const auto placed = place_images(prompt, images, ids);
  ASSERT_TRUE(placed);
  std::vector<TokenId> want = {1, 7};
  want.insert(want.end(), 70, 8);
  for (const TokenId id : {9, 2, 3, 7}) want.push_back(id);
  want.insert(want.end(), 70, 8);
  want.push_back(9);
  EXPECT_EQ(placed->tokens, want);
  ASSERT_EQ(placed->images.size(), 2U);
  EXPECT_EQ(placed->images[0].begin, 2U);
  EXPECT_EQ(placed->images[0].end, 72U);
  EXPECT_EQ(placed->images[1].begin, 76U);
  EXPECT_EQ(placed->images[1].image, wide);
}

TEST(ImagePrompt, KeysTellImagesApart) {
  EXPECT_EQ(prepared(96, 96, 3)->key, prepared(96, 96, 3)->key);
  EXPECT_NE(prepared(96, 96, 3)->key, prepared(96, 96, 4)->key);
  // The same grey values in another shape.
  EXPECT_NE(prepared(48, 48 * 70, 1)->key, prepared(48 * 70, 48, 1)->key);
}

TEST(ImagePrompt, CountsMustAgree) {
  const auto image = prepared(96, 96, 3);
  const TokenId prompt[] = {1, 8, 2};
  const std::shared_ptr<const ImageInput> two[] = {image, image};
  EXPECT_THAT(place_images(prompt, two, {7, 8, 9}).error().message,
              testing::HasSubstr("places for 1 images, but there are 2"));
  EXPECT_FALSE(place_images(prompt, {}, {7, 8, 9}));
}

}  // namespace
}  // namespace g4
