// Every byte as Pillow makes it.
#include "media/resize.h"

#include <gtest/gtest.h>

#include "media/test_picture.h"

namespace g4 {
namespace {

std::string hex(const std::vector<std::uint8_t>& bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

TEST(ResizeBicubic, GivesPillowsBytes) {
  for (const boost::json::value& golden : test::golden_cases("resize.json")) {
    const RgbImage source =
        test::picture(golden.at("style").as_string(), test::size_of(golden.at("from")),
                      golden.at("seed").to_number<std::uint32_t>());
    const ImageSize target = test::size_of(golden.at("to"));
    const RgbImage got = resize_bicubic(source, target);
    ASSERT_TRUE(got.size() == target && make_image(target, got.rgb)) << golden;
    if (const auto* rgb = golden.as_object().if_contains("rgb")) {
      EXPECT_EQ(hex(got.rgb), std::string(rgb->as_string())) << golden;
    }
    ASSERT_EQ(test::crc32(got.rgb.data(), got.rgb.size()),
              golden.at("crc").to_number<std::uint32_t>())
        << golden;
  }
}

TEST(ResizeBicubic, KeepsAnEvenColour) {
  for (const int level : {0, 1, 127, 254, 255}) {
    const RgbImage even{31, 7,
                        std::vector<std::uint8_t>(31 * 7 * 3, static_cast<std::uint8_t>(level))};
    for (const ImageSize size : {ImageSize{5, 3}, {100, 90}, {1, 48}, {31, 2}})
      for (const int got : resize_bicubic(even, size).rgb) ASSERT_EQ(got, level);
  }
}

}  // namespace
}  // namespace g4
