// Whole way: our client, the decoder process in its sandbox, and back.
#include <glib.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "decode/test_files.h"

namespace g4 {
namespace {

using test::image_of;
using test::read_file;

std::string sha256(const std::vector<std::uint8_t>& bytes) {
  char* text = g_compute_checksum_for_data(G_CHECKSUM_SHA256, bytes.data(), bytes.size());
  std::string sum = text;
  g_free(text);
  return sum;
}

// Colour conversions of AVIF and HEIC may round differently from one library to the next.
void expect_near(const RgbImage& image, const RgbImage& golden, const boost::json::value& limits) {
  ASSERT_EQ(image.rgb.size(), golden.rgb.size());
  double sum = 0;
  int most = 0;
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const int difference = std::abs(int{image.rgb[i]} - int{golden.rgb[i]});
    most = std::max(most, difference);
    sum += difference;
  }
  const double mean = sum / static_cast<double>(image.rgb.size());
  EXPECT_LE(most, limits.at("max").to_number<int>()) << limits.at("file") << " mean " << mean;
  EXPECT_LE(mean, limits.at("mean").to_number<double>()) << limits.at("file");
}

TEST(Images, HavePillowsPixels) {
  for (const boost::json::value& entry : test::decode_cases("images.json")) {
    const std::string name = entry.at("file").as_string().c_str();
    const auto image = image_of(read_file(name), {entry.at("page").to_number<std::int32_t>()});
    EXPECT_TRUE(image) << name << ": " << image.error().message;
    if (!image) continue;
    EXPECT_EQ(image->width, entry.at("width").to_number<int>()) << name;
    EXPECT_EQ(image->height, entry.at("height").to_number<int>()) << name;
    if (const auto* sum = entry.as_object().if_contains("sha256")) {
      EXPECT_EQ(sha256(image->rgb), sum->as_string().c_str()) << name;
    } else {
      const auto golden = image_of(read_file(entry.at("pixels").as_string().c_str()));
      ASSERT_TRUE(golden);
      expect_near(*image, *golden, entry);
    }
  }
}

}  // namespace
}  // namespace g4
