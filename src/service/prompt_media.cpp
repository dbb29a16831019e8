#include "service/prompt_media.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <utility>

#include "media/decoder_client.h"

namespace g4 {
namespace {

constexpr std::uint64_t kDelimiters = 2;  // <|image> and <image|>

std::shared_ptr<const ImageInput> make_input(const ImagePlan& plan, ImagePatches patches) {
  auto input = std::make_shared<ImageInput>();
  input->columns = plan.resized.width / kPatchSide;
  input->rows = plan.resized.height / kPatchSide;
  input->soft_tokens = static_cast<std::uint32_t>(plan.soft_tokens);
  input->patches = std::move(patches.values);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(input->patches.data()),
         input->patches.size() * sizeof(float), digest);
  input->key = fmt::format("{}x{} ", input->columns, input->rows);
  input->key.append(reinterpret_cast<const char*>(digest), sizeof digest);
  return input;
}

double stretch_seconds(const VideoLength& length, const VideoOptions& options) {
  const double whole = static_cast<double>(length.frames) / length.fps;
  const double end = std::min(whole, options.end_seconds.value_or(whole));
  return std::max(0.0, end - options.start_seconds);
}

}  // namespace

PromptImage make_prompt_image(ImageSize size, PreparedImage image) {
  return {make_input(image.plan, std::move(image.patches)), size, image.plan};
}

Result<PromptImage, DecodeError> see_image(std::span<const std::byte> file, ImageBudget budget,
                                           std::int32_t page) {
  const RgbImage image = G4_TRY(decode_image(file, {page}, {}));
  auto prepared = prepare_image(image, budget);
  if (!prepared) return DecodeError{prepared.error()};
  return make_prompt_image(image.size(), *std::move(prepared));
}

Result<PromptVideo, DecodeError> see_video(std::span<const std::byte> file, const VideoLook& look) {
  DecodeLimits limits;
  limits.frames_max = look.frames_max;
  VideoFrames decoded = G4_TRY(decode_video(file, look.options, limits));
  PromptVideo video;
  video.size = decoded.frames.front().image.size();
  video.seconds = stretch_seconds(decoded.length, look.options);
  for (VideoFrame& frame : decoded.frames) {
    auto prepared = prepare_image(frame.image, look.budget);
    if (!prepared) return DecodeError{prepared.error()};
    frame.image = {};  // a long video's frames are large
    video.plan = prepared->plan;
    video.frames.push_back(
        {frame.seconds, make_input(prepared->plan, std::move(prepared->patches))});
  }
  return video;
}

Result<PromptVideo, DecodeError> see_frames(std::span<const std::vector<std::byte>> files,
                                            double fps, ImageBudget budget) {
  PromptVideo video;
  for (std::size_t i = 0; i < files.size(); ++i) {
    auto frame = see_image(files[i], budget);
    if (!frame)
      return DecodeError{{fmt::format("frame {}: {}", i, frame.error().message)},
                         frame.error().fault};
    if (i == 0) {
      video.size = frame->size;
      video.plan = frame->plan;
    }
    video.frames.push_back({static_cast<double>(i) / fps, std::move(frame->input)});
  }
  if (video.frames.empty()) return DecodeError{{"a video needs one frame at least"}};
  video.seconds = static_cast<double>(files.size()) / fps;
  return video;
}

ImageSize size_of(const PromptMedium& medium) {
  return std::visit([](const auto& seen) { return seen.size; }, medium);
}

const ImagePlan& plan_of(const PromptMedium& medium) {
  return std::visit([](const auto& seen) -> const ImagePlan& { return seen.plan; }, medium);
}

std::uint64_t prompt_tokens(const PromptMedium& medium) {
  if (const auto* image = std::get_if<PromptImage>(&medium))
    return image->input->soft_tokens + kDelimiters;
  std::uint64_t tokens = 0;
  for (const PromptFrame& frame : std::get<PromptVideo>(medium).frames)
    tokens += frame.input->soft_tokens + kDelimiters;
  return tokens;
}

}  // namespace g4
