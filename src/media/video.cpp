#include "media/video.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace g4 {
Status check_video_options(const VideoOptions& options) {
  if (options.frames < 1 || options.frames > kVideoFramesMax)
    return Error{
        fmt::format("a video gives 1 to {} frames, not {}", kVideoFramesMax, options.frames)};
  if (options.fps && !(*options.fps > 0 && *options.fps <= kVideoFpsMax))
    return Error{"fps of a video must be above 0 and at most 10000"};
  if (!(options.start_seconds >= 0 && options.start_seconds <= kVideoSecondsMax))
    return Error{"the start of a video must be 0 seconds or later"};
  if (options.end_seconds &&
      !(*options.end_seconds > options.start_seconds && *options.end_seconds <= kVideoSecondsMax))
    return Error{"the end of a video must be later than its start"};
  return {};
}

Result<std::vector<std::int64_t>> sample_frames(VideoLength length, const VideoOptions& options,
                                                std::int32_t frames_max) {
  if (length.frames < 1) return Error{"the video has no frames"};
  if (!(length.fps > 0 && static_cast<double>(length.frames) / length.fps <= kVideoSecondsMax))
    return Error{"the video claims to last longer than 115 days"};
  // The first frame that is not shown before `seconds`, by the time that the prompt prints.
  const auto index_at = [&](double seconds) {
    double index = std::ceil(seconds * length.fps);
    if ((index - 1) / length.fps >= seconds) --index;  // the product was rounded up
    return index >= static_cast<double>(length.frames) ? length.frames
                                                       : static_cast<std::int64_t>(index);
  };
  const std::int64_t first = index_at(options.start_seconds);
  const std::int64_t last = options.end_seconds ? index_at(*options.end_seconds) : length.frames;
  if (first >= length.frames)
    return Error{fmt::format("the video ends before second {}", options.start_seconds)};
  const std::int64_t stretch = std::max<std::int64_t>(last - first, 1);
  std::int64_t wanted = options.frames;
  if (options.fps) {
    const double exact = static_cast<double>(stretch) / length.fps * *options.fps;
    wanted = static_cast<std::int64_t>(std::min(exact, static_cast<double>(stretch)));
  }
  wanted = std::clamp<std::int64_t>(wanted, 1, std::min<std::int64_t>(stretch, frames_max));
  std::vector<std::int64_t> indices(static_cast<std::size_t>(wanted));
  for (std::int64_t j = 0; j < wanted; ++j)
    indices[static_cast<std::size_t>(j)] = first + j * stretch / wanted;
  return indices;
}

}  // namespace g4
