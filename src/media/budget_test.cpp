// Sizes against transformers' own for thousands of shapes, and what `auto` chooses.
#include "media/budget.h"

#include <gtest/gtest.h>

#include <limits>

#include "media/test_picture.h"

namespace g4 {
namespace {

TEST(ImageBudgets, AreFiveNumbers) {
  for (const std::int64_t good : {70, 140, 280, 560, 1120})
    EXPECT_EQ(static_cast<std::int64_t>(*image_budget(good)), good);
  for (const std::int64_t bad : {std::int64_t{0}, std::int64_t{-70}, std::int64_t{71},
                                 std::int64_t{256}, (std::int64_t{1} << 32) + 70})
    EXPECT_FALSE(image_budget(bad)) << bad;
}

TEST(ImagePlans, AreThoseOfTheProcessor) {
  constexpr std::size_t kRow = 12 * 2;
  const std::string rows = test::read_golden("sizes.bin");
  ASSERT_EQ(rows.size(), 4000 * kRow);
  for (std::size_t row = 0; row < rows.size(); row += kRow) {
    const auto number = [&](std::size_t i) {
      return static_cast<std::uint8_t>(rows[row + 2 * i]) +
             256 * static_cast<std::uint8_t>(rows[row + 2 * i + 1]);
    };
    const ImageSize size{number(0), number(1)};
    std::size_t at = 2;
    for (const ImageBudget budget : kImageBudgets) {
      const ImageSize expected{number(at), number(at + 1)};
      at += 2;
      const ImagePlan plan = *plan_image(size, budget);
      EXPECT_EQ(plan.budget, budget);
      ASSERT_TRUE(plan.resized == expected)
          << size.width << " x " << size.height << " budget " << static_cast<int>(budget) << ": "
          << plan.resized.width << " x " << plan.resized.height << ", not " << expected.width
          << " x " << expected.height;
      EXPECT_EQ(plan.soft_tokens, expected.pixels() / (48 * 48));
      EXPECT_LE(plan.soft_tokens, static_cast<int>(budget));
      EXPECT_EQ(plan.shrunk, expected.width < size.width || expected.height < size.height);
    }
  }
}

struct Choice {
  ImageSize size;
  ImageBudget expected;
  bool shrunk;
};

TEST(ImagePlans, AutoTakesTheSmallestBudgetThatKeepsEveryPixel) {
  const Choice choices[] = {
      {{1, 1}, ImageBudget::k70, false},
      {{384, 384}, ImageBudget::k70, false},     // 8 x 8 cells: as it is
      {{385, 384}, ImageBudget::k140, false},    // one pixel more does not fit
      {{768, 768}, ImageBudget::k280, false},    //
      {{1104, 1104}, ImageBudget::k560, false},  // 23 x 23 cells
      {{1584, 1584}, ImageBudget::k1120, false},
      {{1585, 1584}, ImageBudget::k1120, true},
      {{8192, 8192}, ImageBudget::k1120, true},
      {{8000, 3}, ImageBudget::k280, false},  // the long side decides
      {{4000, 100}, ImageBudget::k560, false},
      {{100, 4000}, ImageBudget::k560, false},  // 280 would fit 96 of 100 columns
  };
  for (const Choice& choice : choices) {
    const ImagePlan plan = *plan_image(choice.size, ImageBudget::kAuto);
    EXPECT_EQ(plan.budget, choice.expected) << choice.size.width << " x " << choice.size.height;
    EXPECT_EQ(plan.shrunk, choice.shrunk) << choice.size.width << " x " << choice.size.height;
  }
}

TEST(ImagePlans, RefuseSizesThatNoImageHas) {
  EXPECT_FALSE(plan_image({0, 10}, ImageBudget::k280));
  EXPECT_FALSE(plan_image({10, -1}, ImageBudget::kAuto));
  EXPECT_FALSE(plan_image({std::numeric_limits<std::int32_t>::max(), 2}, ImageBudget::k70));
}

}  // namespace
}  // namespace g4
