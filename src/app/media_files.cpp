#include "app/media_files.h"

#include <fmt/format.h>

#include "weights/source.h"

namespace g4::app {
namespace {

Result<ImageBudget> to_budget(const std::string& tokens) {
  if (tokens == "auto") return ImageBudget::kAuto;
  return image_budget(std::stoll(tokens));
}

VideoLook to_look(const MediaFlags& flags, ImageBudget budget) {
  VideoLook look;
  look.budget = budget;
  if (flags.frames) look.options.frames = *flags.frames;
  look.options.fps = flags.fps;
  look.options.start_seconds = flags.start_seconds.value_or(0);
  look.options.end_seconds = flags.end_seconds;
  // Both given: so many a second, but no more than so many.
  if (flags.fps && flags.frames) look.frames_max = *flags.frames;
  return look;
}

Result<std::vector<std::byte>> read_file(const std::string& path) {
  const DecodeLimits limits;
  const File file = G4_TRY(File::open(path));
  if (file.size() > static_cast<std::uint64_t>(limits.file_bytes_max))
    return Error{fmt::format("{}: {} bytes, but at most {} are read", path, file.size(),
                             limits.file_bytes_max)};
  std::vector<std::byte> bytes(file.size());
  G4_TRY(file.read_at(0, bytes));
  return bytes;
}

Result<PromptMedium> see(std::span<const std::byte> bytes, chat::Part::Kind kind,
                         const MediaFlags& flags) {
  if (kind == chat::Part::Kind::kImage) {
    const ImageBudget budget = G4_TRY(to_budget(flags.image_tokens));
    return PromptMedium(G4_TRY(see_image(bytes, budget)));
  }
  const VideoLook look = to_look(flags, G4_TRY(to_budget(flags.video_tokens)));
  G4_TRY(check_video_options(look.options));
  return PromptMedium(G4_TRY(see_video(bytes, look)));
}

}  // namespace

void add_media_flags(CLI::App& command, MediaFlags& flags) {
  const CLI::IsMember budgets({"auto", "70", "140", "280", "560", "1120"});
  command
      .add_option("--image-tokens", flags.image_tokens,
                  "Most tokens an image may cost; auto: as few as show it unshrunk")
      ->check(budgets)
      ->capture_default_str();
  command.add_option("--video-tokens", flags.video_tokens, "The same for each frame of a video")
      ->check(budgets)
      ->capture_default_str();
  command
      .add_option("--frames", flags.frames,
                  "Frames of a video, spread evenly (default 32); with --fps, the most")
      ->check(CLI::Range(1, DecodeLimits{}.frames_max));
  command.add_option("--fps", flags.fps, "Frames of a second of video instead")
      ->check(CLI::Range(0.001, 1000.0));
  command.add_option("--video-start", flags.start_seconds, "Second at which to begin a video");
  command.add_option("--video-end", flags.end_seconds, "Second at which to end it");
}

void add_media_files(CLI::App& command, std::vector<NamedFile>& files) {
  const auto add = [&](const char* flag, chat::Part::Kind kind, const char* help) {
    command
        .add_option_function<std::string>(
            flag, [&files, kind](const std::string& path) { files.push_back({kind, path}); }, help)
        ->allow_extra_args(false)
        ->trigger_on_parse()
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  };
  add("--image", chat::Part::Kind::kImage,
      "Image to look at (may be repeated): JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC or PDF");
  add("--video", chat::Part::Kind::kVideo,
      "Video to look at (may be repeated): MP4, MOV, WebM, MKV, AVI, animated GIF or WebP");
}

Result<PromptMedium> read_medium(const NamedFile& file, const MediaFlags& flags) {
  const std::vector<std::byte> bytes = G4_TRY(read_file(file.path));
  Result<PromptMedium> medium = see(bytes, file.kind, flags);
  if (!medium) return Error{fmt::format("{}: {}", file.path, medium.error().message)};
  return medium;
}

std::string description(const NamedFile& file, const PromptMedium& medium) {
  const auto* video = std::get_if<PromptVideo>(&medium);
  const ImageSize size = size_of(medium);
  const ImagePlan& plan = plan_of(medium);
  const std::string frames =
      video ? fmt::format(", {} frames of {:.1f} s", video->frames.size(), video->seconds) : "";
  return fmt::format("[{}: {} tokens{}; {}x{} {} {}x{}]", file.path, prompt_tokens(medium), frames,
                     size.width, size.height, plan.shrunk ? "shrunk to" : "seen as",
                     plan.resized.width, plan.resized.height);
}

}  // namespace g4::app
