#include "api/media.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "api/data_url.h"

namespace g4::api {
namespace {

namespace json = boost::json;

constexpr std::int32_t kFramesMax = DecodeLimits{}.frames_max;  // of one video
constexpr double kFpsMin = 1e-3;

// A number of the model's budgets, or "auto".
void read_budget(Fields& fields, ImageBudget& budget) {
  constexpr std::string_view kKey = "max_soft_tokens";
  const json::value* value = fields.find(kKey);
  if (!value) return;
  if (*value == "auto") {
    budget = ImageBudget::kAuto;
    return;
  }
  boost::system::error_code bad;
  const auto tokens = value->to_number<std::int64_t>(bad);
  const auto found =
      bad ? Error{"expected 70, 140, 280, 560, 1120 or \"auto\""} : image_budget(tokens);
  if (found)
    budget = *found;
  else
    fields.fail(kKey, fmt::format("\"{}\": {}", fields.path(kKey), found.error().message));
}

// What a request says for all its media.
struct Defaults {
  ImageBudget image = ImageBudget::k280;
  VideoLook video;
};

void read_video_rate(Fields& fields, VideoLook& look) {
  const auto frames = fields.integer("num_frames", 1, kFramesMax);
  const auto fps = fields.number("fps", kFpsMin, kVideoFpsMax);
  if (frames && fps)
    fields.fail("fps", fmt::format("give \"num_frames\" or \"fps\", not both (\"{}\")",
                                   fields.path("fps")));
  if (frames) look.options = {.frames = static_cast<std::int32_t>(*frames)};
  if (fps) look.options.fps = fps;
}

// An object at `key` of which only `known` members are understood; the others would change what
// the model sees.
std::optional<Fields> inner(Fields& fields, std::string_view key,
                            std::initializer_list<std::string_view> known) {
  const json::value* value = fields.find(key);
  if (!value) return std::nullopt;
  if (!value->is_object()) {
    fields.fail(key, fmt::format("\"{}\" should be an object", fields.path(key)));
    return std::nullopt;
  }
  for (const auto& [name, _] : value->get_object())
    if (std::ranges::find(known, std::string_view(name)) == known.end())
      fields.fail(
          key, fmt::format("\"{}.{}\" is not supported", fields.path(key), std::string_view(name)));
  return Fields(value->get_object(), fields.path(key) + ".");
}

std::optional<ApiError> read_defaults(Fields& fields, Defaults& defaults) {
  if (auto processor = inner(fields, "mm_processor_kwargs", {"max_soft_tokens"})) {
    read_budget(*processor, defaults.image);
    if (processor->error()) return processor->error();
  }
  if (auto loader = inner(fields, "media_io_kwargs", {"video"})) {
    if (auto video = inner(*loader, "video", {"num_frames", "fps"})) {
      read_video_rate(*video, defaults.video);
      if (video->error()) return video->error();
    }
    if (loader->error()) return loader->error();
  }
  return fields.error();
}

Result<MediaFile> read_file(std::string_view url) {
  if (url.starts_with("https://")) return MediaFile{std::string(url), {}};
  if (url.starts_with("data:")) return MediaFile{"", G4_TRY(read_data_url(url))};
  if (url.empty()) return Error{"the URL is missing"};
  return Error{"the URL should begin with data: or https://"};
}

// vLLM's way to send the frames of a video: data:video/jpeg;base64,FRAME,FRAME,...
std::vector<std::string> split_frames(std::string_view url) {
  constexpr std::string_view kHead = "data:video/jpeg;base64,";
  std::vector<std::string> frames;
  if (!url.starts_with(kHead)) return frames;
  url.remove_prefix(kHead.size());
  while (true) {
    const std::size_t comma = std::min(url.find(','), url.size());
    frames.push_back(fmt::format("data:;base64,{}", url.substr(0, comma)));
    if (comma == url.size()) return frames;
    url.remove_prefix(comma + 1);
  }
}

Result<ImagePart> read_image(const chat::MediaSource& source, Fields& options,
                             const Defaults& defaults) {
  ImagePart image;
  image.budget = defaults.image;
  const auto detail = options.string("detail");
  if (detail == "low")
    image.budget = ImageBudget::k70;
  else if (detail == "high" || detail == "original")
    image.budget = ImageBudget::k1120;
  else if (detail && !detail->empty() && *detail != "auto")
    options.fail("detail", fmt::format("\"{}\" should be auto, low, high or original, not \"{}\"",
                                       options.path("detail"), *detail));
  read_budget(options, image.budget);
  if (const auto page = options.integer("page", 1, INT32_MAX))
    image.page = static_cast<std::int32_t>(*page - 1);
  if (!source.frames.empty()) return Error{"an image is one picture, not a list"};
  image.file = G4_TRY(read_file(source.url));
  return image;
}

Result<FramesPart> read_frames(std::span<const std::string> urls, Fields& options) {
  if (urls.size() > std::size_t{kFramesMax})
    return Error{fmt::format("{} frames, of which a video may have {}", urls.size(), kFramesMax)};
  FramesPart part;
  part.fps = options.number("fps", kFpsMin, kVideoFpsMax).value_or(kFramesPerSecond);
  read_budget(options, part.budget);
  options.refuse({"num_frames", "max_frames", "start", "end"},
                 "a video given as pictures is shown whole");
  for (std::size_t i = 0; i < urls.size(); ++i) {
    Result<MediaFile> file = read_file(urls[i]);
    if (!file) return Error{fmt::format("frame {}: {}", i, file.error().message)};
    part.frames.push_back(*std::move(file));
  }
  return part;
}

Result<VideoPart> read_video(const chat::MediaSource& source, Fields& options,
                             const Defaults& defaults) {
  VideoPart video;
  video.look = defaults.video;
  read_video_rate(options, video.look);
  read_budget(options, video.look.budget);
  if (const auto most = options.integer("max_frames", 1, kFramesMax))
    video.look.frames_max = static_cast<std::int32_t>(*most);
  VideoOptions& which = video.look.options;
  which.start_seconds = options.number("start", 0, kVideoSecondsMax).value_or(0);
  which.end_seconds = options.number("end", 0, kVideoSecondsMax);
  if (which.end_seconds && *which.end_seconds <= which.start_seconds)
    options.fail("end", fmt::format("\"{}\" should be later than \"start\"", options.path("end")));
  video.file = G4_TRY(read_file(source.url));
  return video;
}

Parsed<RequestMedium> read_medium(const chat::Part& part, const Defaults& defaults) {
  Fields options(part.media.options, part.media.path + ".");
  RequestMedium medium{part.media.part, {}};
  const auto take = [&](auto read) -> Status {
    medium.part = G4_TRY(std::move(read));
    return {};
  };
  Status status;
  if (part.kind == chat::Part::Kind::kImage) {
    status = take(read_image(part.media, options, defaults));
  } else if (!part.media.frames.empty()) {
    status = take(read_frames(part.media.frames, options));
  } else if (const auto frames = split_frames(part.media.url); !frames.empty()) {
    status = take(read_frames(frames, options));
  } else {
    status = take(read_video(part.media, options, defaults));
  }
  if (options.error()) return *options.error();
  if (!status)
    return invalid(medium.path, fmt::format("{}: {}", medium.path, status.error().message));
  return medium;
}

bool is_medium(const chat::Part& part) {
  return part.kind == chat::Part::Kind::kImage || part.kind == chat::Part::Kind::kVideo;
}

std::string size_text(ImageSize size) { return fmt::format("{}x{}", size.width, size.height); }

json::object usage_of(std::string_view path, const PromptMedium& medium) {
  const auto* video = std::get_if<PromptVideo>(&medium);
  const ImageSize size = size_of(medium);
  const ImagePlan& plan = plan_of(medium);
  json::object usage;
  usage["part"] = path;
  usage["type"] = video ? "video" : "image";
  usage["tokens"] = prompt_tokens(medium);
  usage["max_soft_tokens"] = static_cast<std::int32_t>(plan.budget);
  usage["size"] = size_text(size);
  usage["seen_size"] = size_text(plan.resized);
  if (video) {
    usage["frames"] = video->frames.size();
    usage["seconds"] = video->seconds;
  }
  if (plan.shrunk)
    usage["notice"] = fmt::format(
        "shrunk from {} to {}: small details are lost{}", size_text(size), size_text(plan.resized),
        plan.budget == ImageBudget::k1120
            ? "; show a part of it to see more"
            : "; a larger max_soft_tokens (up to 1120, or \"auto\") keeps more");
  return usage;
}

}  // namespace

Parsed<std::vector<RequestMedium>> read_media(Fields& fields,
                                              const std::vector<chat::Message>& messages) {
  Defaults defaults;
  if (auto error = read_defaults(fields, defaults)) return *std::move(error);
  std::vector<RequestMedium> media;
  for (const chat::Message& message : messages) {
    const auto* parts = std::get_if<std::vector<chat::Part>>(&message.content);
    if (!parts) continue;
    for (const chat::Part& part : *parts) {
      if (!is_medium(part)) continue;
      if (media.size() == kMediaMax)
        return invalid(part.media.part,
                       fmt::format("a request may show at most {} images and videos", kMediaMax));
      auto medium = read_medium(part, defaults);
      if (auto* error = std::get_if<ApiError>(&medium)) return *std::move(error);
      media.push_back(std::move(std::get<RequestMedium>(medium)));
    }
  }
  return media;
}

void put_media_first(std::vector<chat::Message>& messages) {
  for (chat::Message& message : messages) {
    auto* parts = std::get_if<std::vector<chat::Part>>(&message.content);
    if (!parts) continue;
    std::vector<chat::Part> ordered;
    for (const bool media : {true, false})
      for (chat::Part& part : *parts)
        if (is_medium(part) == media) ordered.push_back(std::move(part));
    *parts = std::move(ordered);
  }
}

json::object media_usage(std::span<const RequestMedium> media, std::span<const PromptMedium> seen) {
  std::uint64_t images = 0, videos = 0;
  json::array each;
  for (std::size_t i = 0; i < media.size(); ++i) {
    (std::holds_alternative<PromptVideo>(seen[i]) ? videos : images) += prompt_tokens(seen[i]);
    each.push_back(usage_of(media[i].path, seen[i]));
  }
  return {{"image_tokens", images}, {"video_tokens", videos}, {"media", std::move(each)}};
}

}  // namespace g4::api
