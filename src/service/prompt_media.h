// Images and videos as a prompt holds them, made from the bytes of files.
//
// The files are foreign: decoded by `gemma4-decoder` (media/decoder_client.h), within limits.
// Threads: any number at once; calls block until the decoder has answered or its time is over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "base/result.h"
#include "engine/runner.h"
#include "media/budget.h"
#include "media/decoder_client.h"
#include "media/patches.h"
#include "media/video.h"

namespace g4 {

struct PromptImage {
  std::shared_ptr<const ImageInput> input;
  ImageSize size;  // of the file, upright
  ImagePlan plan;
};

struct PromptFrame {
  double seconds = 0;  // from the beginning of the video; the prompt prints it
  std::shared_ptr<const ImageInput> input;
};

struct PromptVideo {
  std::vector<PromptFrame> frames;  // at least one
  ImageSize size;                   // of the first frame, as its plan
  ImagePlan plan;
  double seconds = 0;  // length of the stretch that was looked at
};

using PromptMedium = std::variant<PromptImage, PromptVideo>;

// Which frames of a video, and how closely each is looked at.
struct VideoLook {
  VideoOptions options;
  // Where options.fps asks for more, they are spread evenly.
  std::int32_t frames_max = DecodeLimits{}.frames_max;
  ImageBudget budget = ImageBudget::k70;
};
// What transformers assumes of frames that come without a rate.
inline constexpr double kFramesPerSecond = 24;

PromptImage make_prompt_image(ImageSize size, PreparedImage image);

// page: of a PDF or TIFF, from 0.
Result<PromptImage, DecodeError> see_image(std::span<const std::byte> file, ImageBudget budget,
                                           std::int32_t page = 0);
Result<PromptVideo, DecodeError> see_video(std::span<const std::byte> file, const VideoLook& look);
// A video given as pictures, taken `fps` a second; each keeps its own size.
Result<PromptVideo, DecodeError> see_frames(std::span<const std::vector<std::byte>> files,
                                            double fps, ImageBudget budget);

ImageSize size_of(const PromptMedium& medium);
const ImagePlan& plan_of(const PromptMedium& medium);
// Tokens that it adds to a prompt with its delimiters; a video's timestamps count as text.
std::uint64_t prompt_tokens(const PromptMedium& medium);

}  // namespace g4
