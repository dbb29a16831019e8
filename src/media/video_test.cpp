#include "media/video.h"

#include <gmock/gmock.h>

#include <limits>

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

TEST(SampledFrames, LieBetweenStartAndEnd) {
  EXPECT_THAT(*sample_frames({100, 10}, {.frames = 4, .start_seconds = 2, .end_seconds = 4}, 99),
              ElementsAre(20, 25, 30, 35));
  EXPECT_THAT(*sample_frames({100, 10}, {.frames = 2, .start_seconds = 9.85}, 99), ElementsAre(99));
  EXPECT_THAT(*sample_frames({100, 10}, {.start_seconds = 2, .end_seconds = 2.01}, 99),
              ElementsAre(20));
  EXPECT_FALSE(sample_frames({100, 10}, {.start_seconds = 10}, 99));
  EXPECT_FALSE(sample_frames({0, 10}, {}, 99));
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
