// Which frames of a video the model sees, and those frames.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/result.h"
#include "media/image.h"

namespace g4 {

struct VideoOptions {
  std::int32_t frames = 32;        // spread evenly, unless `fps` is given
  std::optional<double> fps = {};  // frames a second of the video
  double start_seconds = 0;
  std::optional<double> end_seconds = {};  // the end if not given
};

struct VideoLength {
  std::int64_t frames = 0;
  double fps = 24;  // what transformers assumes when a file does not say
};

struct VideoFrame {
  std::int64_t index = 0;  // in the file, from 0
  double seconds = 0;      // index / fps, which is what the prompt prints
  RgbImage image;
};

struct VideoFrames {
  VideoLength length;
  std::vector<VideoFrame> frames;  // at least one; all of one size
};

inline constexpr std::int32_t kVideoFramesMax = 1024;  // of one request, whatever it asks for
inline constexpr double kVideoSecondsMax = 1e7;        // 115 days
inline constexpr double kVideoFpsMax = 1e4;

Status check_video_options(const VideoOptions& options);

// Indices of the frames to keep, ascending, as transformers' video processor chooses them; at most
// `frames_max`, in which case they are spread over the same stretch. Options must have been
// checked.
Result<std::vector<std::int64_t>> sample_frames(VideoLength length, const VideoOptions& options,
                                                std::int32_t frames_max);

}  // namespace g4
