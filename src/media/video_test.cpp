#include "media/video.h"

#include <gmock/gmock.h>

#include <limits>
#include <numeric>

#include "media/test_picture.h"

namespace g4 {
namespace {

using testing::ElementsAre;

TEST(SampledFrames, AreSpreadAsTransformersSpreadsThem) {
  EXPECT_THAT(*sample_frames({10, 24}, {.frames = 4}, 99), ElementsAre(0, 2, 5, 7));
  EXPECT_THAT(*sample_frames({3, 24}, {.frames = 32}, 99), ElementsAre(0, 1, 2));
  EXPECT_THAT(*sample_frames({10, 24}, {.frames = 8}, 2), ElementsAre(0, 5));
  // int(100 / 25 * 2) frames
  EXPECT_THAT(*sample_frames({100, 25}, {.fps = 2}, 99),
              ElementsAre(0, 12, 25, 37, 50, 62, 75, 87));
  EXPECT_THAT(*sample_frames({100, 25}, {.fps = 0.01}, 99), ElementsAre(0));
  EXPECT_EQ(sample_frames({100, 25}, {.fps = 1000}, 1000)->size(), 100u);
}

// Where transformers refuses, as the video has fewer frames than it wants, all are kept.
TEST(SampledFrames, AreThoseOfTransformers) {
  for (const boost::json::value& row : test::golden_cases("frame_choice.json")) {
    const VideoLength length{row.at(0).to_number<std::int64_t>(), row.at(1).to_number<double>()};
    VideoOptions options;
    if (!row.at(2).is_null()) options.frames = row.at(2).to_number<std::int32_t>();
    if (!row.at(3).is_null()) options.fps = row.at(3).to_number<double>();
    const auto indices = *sample_frames(length, options, kVideoFramesMax);
    if (row.at(4).is_null()) {
      std::vector<std::int64_t> all(static_cast<std::size_t>(length.frames));
      std::iota(all.begin(), all.end(), 0);
      if (length.frames <= kVideoFramesMax) {
        EXPECT_EQ(indices, all) << row;
      }
      continue;
    }
    ASSERT_EQ(indices.size(), row.at(4).to_number<std::size_t>()) << row;
    EXPECT_EQ(test::crc32(indices.data(), indices.size() * sizeof(indices[0])),
              row.at(5).to_number<std::uint32_t>())
        << row;
  }
}

TEST(SampledFrames, LieBetweenStartAndEnd) {
  EXPECT_THAT(*sample_frames({100, 10}, {.frames = 4, .start_seconds = 2, .end_seconds = 4}, 99),
              ElementsAre(20, 25, 30, 35));
  EXPECT_THAT(*sample_frames({100, 10}, {.frames = 2, .start_seconds = 9.85}, 99), ElementsAre(99));
  EXPECT_THAT(*sample_frames({100, 10}, {.start_seconds = 2, .end_seconds = 2.01}, 99),
              ElementsAre(20));
  // Frame 7 is shown at 0.28, though 0.28 * 25 is more than 7.
  EXPECT_THAT(*sample_frames({100, 25}, {.frames = 1, .start_seconds = 0.28}, 99), ElementsAre(7));
  EXPECT_THAT(*sample_frames({100, 25}, {.start_seconds = 0.24, .end_seconds = 0.28}, 99),
              ElementsAre(6));
  EXPECT_FALSE(sample_frames({100, 10}, {.start_seconds = 10}, 99));
  EXPECT_FALSE(sample_frames({0, 10}, {}, 99));
  EXPECT_TRUE(sample_frames({10, 1e-6}, {}, 99));
  for (const double fps : {9e-7, 0.0, -25.0, std::numeric_limits<double>::quiet_NaN()})
    EXPECT_FALSE(sample_frames({10, fps}, {}, 99)) << fps;
}

TEST(VideoOptions, AreHeldToTheirLimits) {
  EXPECT_TRUE(check_video_options({}));
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const VideoOptions& bad :
       {VideoOptions{.frames = 0}, VideoOptions{.frames = kVideoFramesMax + 1},
        VideoOptions{.fps = 0}, VideoOptions{.fps = nan}, VideoOptions{.start_seconds = -1},
        VideoOptions{.start_seconds = nan}, VideoOptions{.start_seconds = 2, .end_seconds = 2},
        VideoOptions{.end_seconds = nan}})
    EXPECT_FALSE(check_video_options(bad));
}

}  // namespace
}  // namespace g4
