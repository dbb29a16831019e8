#include "media/image.h"

#include <gtest/gtest.h>

#include <limits>

namespace g4 {
namespace {

TEST(ImageSizes, AreHeldToTheirLimits) {
  constexpr std::int32_t kHuge = std::numeric_limits<std::int32_t>::max();
  for (const ImageSize good :
       {ImageSize{1, 1}, {kImageSideMax, 1}, {1, kImageSideMax}, {8192, 8192}, {16384, 8192}})
    EXPECT_TRUE(check_image_size(good)) << good.width << " x " << good.height;
  for (const ImageSize bad : {ImageSize{0, 1},
                              {1, 0},
                              {-1, 5},
                              {5, -1},
                              {kImageSideMax + 1, 1},
                              {1, kImageSideMax + 1},
                              {16385, 8192},
                              {kHuge, kHuge},
                              {-kHuge, -kHuge}})
    EXPECT_FALSE(check_image_size(bad)) << bad.width << " x " << bad.height;
}

TEST(Images, MustHaveTheBytesOfTheirSize) {
  EXPECT_TRUE(make_image({2, 3}, std::vector<std::uint8_t>(18)));
  EXPECT_FALSE(make_image({0, 3}, {}));
  EXPECT_EQ(make_image({2, 3}, std::vector<std::uint8_t>(17)).error().message,
            "an image of 2 x 3 pixels has 18 bytes, not 17");
}

}  // namespace
}  // namespace g4
