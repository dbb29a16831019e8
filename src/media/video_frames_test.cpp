// Frames of a video become the same patches as in transformers, whose models take a frame for an
// image of budget 70.
#include <gmock/gmock.h>

#include "base/test_video.h"
#include "media/patches.h"
#include "media/test_picture.h"

namespace g4 {
namespace {

TEST(VideoFrames, BecomePatchesAsInTransformers) {
  const boost::json::value golden =
      boost::json::parse(test::read_golden("../models/gemma4-vision/golden-video.json"));
  const ImageSize size = test::size_of(golden.at("size"));
  const auto& indices = golden.at("indices").as_array();
  for (std::size_t i = 0; i < indices.size(); ++i) {
    const auto index = indices[i].to_number<int>();
    const auto frame = make_image(size, test::video_frame(index, size.width, size.height));
    ASSERT_TRUE(frame);
    EXPECT_EQ(test::crc32(frame->rgb.data(), frame->rgb.size()),
              golden.at("frame_bytes").at(i).to_number<std::uint32_t>());
    const auto prepared = prepare_image(*frame, ImageBudget::k70);
    ASSERT_TRUE(prepared);
    EXPECT_EQ(prepared->plan.soft_tokens, 66);
    const std::vector<float>& values = prepared->patches.values;
    EXPECT_EQ(test::crc32(values.data(), values.size() * sizeof(float)),
              golden.at("frame_patches").at(i).to_number<std::uint32_t>());
  }
}

}  // namespace
}  // namespace g4
