// Patches and positions as transformers' processor makes them, from the picture to the last bit.
#include "media/patches.h"

#include <gtest/gtest.h>

#include "media/test_picture.h"

namespace g4 {
namespace {

TEST(Patches, RunRowByRowWithChannelsInnermost) {
  RgbImage image{48, 32, std::vector<std::uint8_t>(48 * 32 * 3)};
  // Patch (2, 1), its row 3, its column 5, green.
  image.row(16 + 3)[3 * (2 * 16 + 5) + 1] = 200;
  const ImagePatches patches = cut_patches(image);
  ASSERT_EQ(patches.positions.size(), 6U);
  EXPECT_EQ(patches.positions[2], (PatchPosition{2, 0}));
  EXPECT_EQ(patches.positions[5], (PatchPosition{2, 1}));
  ASSERT_EQ(patches.values.size(), 6 * kPatchValues);
  const std::size_t expected = 5 * kPatchValues + (3 * 16 + 5) * 3 + 1;
  for (std::size_t i = 0; i < patches.values.size(); ++i)
    ASSERT_EQ(patches.values[i], i == expected ? static_cast<float>(200 / 255.0) : 0.0f) << i;
}

TEST(PrepareImage, GivesTheProcessorsPatches) {
  for (const boost::json::value& golden : test::golden_cases("prepared.json")) {
    const RgbImage image =
        test::picture(golden.at("style").as_string(), test::size_of(golden.at("size")),
                      golden.at("seed").to_number<std::uint32_t>());
    const ImageBudget budget = *image_budget(golden.at("budget").to_number<std::int64_t>());
    const PreparedImage got = *prepare_image(image, budget);
    EXPECT_EQ(got.plan.soft_tokens, golden.at("tokens").to_number<std::int32_t>()) << golden;
    ASSERT_EQ(got.patches.positions.size(), 9 * static_cast<std::size_t>(got.plan.soft_tokens));
    ASSERT_EQ(got.patches.values.size(), got.patches.positions.size() * kPatchValues);
    EXPECT_EQ(test::crc32(got.patches.values.data(), got.patches.values.size() * sizeof(float)),
              golden.at("values").to_number<std::uint32_t>())
        << golden;
    EXPECT_EQ(test::crc32(got.patches.positions.data(),
                          got.patches.positions.size() * sizeof(PatchPosition)),
              golden.at("positions").to_number<std::uint32_t>())
        << golden;
  }
}

TEST(PrepareImage, RefusesAnEmptyImage) {
  EXPECT_FALSE(prepare_image(RgbImage{}, ImageBudget::k280));
}

}  // namespace
}  // namespace g4
