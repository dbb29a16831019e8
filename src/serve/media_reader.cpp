#include "serve/media_reader.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

namespace g4 {
namespace {

std::int64_t file_bytes(const api::Conversation& conversation) {
  std::int64_t bytes = 0;
  const auto add = [&](const api::MediaFile& file) {
    bytes += static_cast<std::int64_t>(file.bytes.size());
  };
  for (const api::RequestMedium& medium : conversation.media) {
    if (const auto* frames = std::get_if<api::FramesPart>(&medium.part))
      for (const api::MediaFile& frame : frames->frames) add(frame);
    else if (const auto* video = std::get_if<api::VideoPart>(&medium.part))
      add(video->file);
    else
      add(std::get<api::ImagePart>(medium.part).file);
  }
  return bytes;
}

// The files of one request: what came in its body, and what is fetched within its bounds.
class Files {
 public:
  Files(const MediaFetcher& fetcher, MediaFetchBounds bounds)
      : fetcher_(fetcher), bounds_(std::move(bounds)) {}

  // The caller's from now on.
  Result<std::vector<std::byte>, DecodeError> take(api::MediaFile& file) {
    if (file.url.empty()) return std::move(file.bytes);
    auto fetched = fetcher_.fetch(file.url, bounds_);
    if (!fetched) return DecodeError{std::move(fetched).error()};
    bounds_.bytes_max -= fetched->size();
    return *std::move(fetched);
  }

 private:
  const MediaFetcher& fetcher_;
  MediaFetchBounds bounds_;
};

Result<PromptMedium, DecodeError> see(api::ImagePart& part, Files& files) {
  const auto file = G4_TRY(files.take(part.file));
  return PromptMedium(G4_TRY(see_image(file, part.budget, part.page)));
}

Result<PromptMedium, DecodeError> see(api::VideoPart& part, Files& files) {
  const auto file = G4_TRY(files.take(part.file));
  return PromptMedium(G4_TRY(see_video(file, part.look)));
}

Result<PromptMedium, DecodeError> see(api::FramesPart& part, Files& files) {
  std::vector<std::vector<std::byte>> frames;
  for (api::MediaFile& frame : part.frames) frames.push_back(G4_TRY(files.take(frame)));
  return PromptMedium(G4_TRY(see_frames(frames, part.fps, part.budget)));
}

using Bytes = std::shared_ptr<std::atomic<std::int64_t>>;

// The picture, counted in `total` for as long as anyone holds it.
void count(std::shared_ptr<const ImageInput>& picture, const Bytes& total) {
  const auto bytes = static_cast<std::int64_t>(picture->patches.size() * sizeof(float));
  *total += bytes;
  const ImageInput* held = picture.get();
  picture = {held, [picture, total, bytes](const ImageInput*) mutable {
               picture.reset();
               *total -= bytes;
             }};
}

void count(PromptMedium& medium, const Bytes& total) {
  if (auto* image = std::get_if<PromptImage>(&medium)) return count(image->input, total);
  for (PromptFrame& frame : std::get<PromptVideo>(medium).frames) count(frame.input, total);
}

api::ApiError refusal(const std::string& path, const DecodeError& error) {
  if (error.fault == DecodeError::Fault::kFile)
    return api::invalid(path, fmt::format("{}: {}", path, error.message));
  spdlog::error("images and videos cannot be decoded: {}", error.message);
  return {500, "this server cannot decode images and videos now; its log says why", path, ""};
}

api::ApiError too_much(std::string_view what) {
  return {429, fmt::format("{}; no more are taken now", what), std::nullopt, "queue_full"};
}

}  // namespace

// One medium after the other: two requests at a time keep two cores busy.
api::Parsed<api::SeenConversation> MediaReader::see(api::Conversation& conversation) const {
  std::vector<PromptMedium> seen;
  std::uint64_t tokens = 0;
  Files files(fetcher_, {.bytes_max = kFetchedBytesMax,
                         .deadline = std::chrono::steady_clock::now() + kFetchTimeMax,
                         .stop = stop_.get_token()});
  for (api::RequestMedium& medium : conversation.media) {
    if (*picture_bytes_ > limits_.picture_bytes_max)
      return too_much("the images and videos of running and waiting requests fill their memory");
    auto prompt = std::visit([&](auto& part) { return g4::see(part, files); }, medium.part);
    if (!prompt) return refusal(medium.path, prompt.error());
    count(*prompt, picture_bytes_);
    tokens += prompt_tokens(*prompt);
    if (tokens >= limits_.context_tokens_max)
      return api::ApiError{400,
                           fmt::format("{}: with it images and videos take {} tokens, and prompt "
                                       "and answer together have {}",
                                       medium.path, tokens, limits_.context_tokens_max),
                           medium.path, "context_length_exceeded"};
    seen.push_back(*std::move(prompt));
  }
  auto placed = place_media(conversation.rendered, seen, tokenizer_);
  if (!placed) return api::invalid(conversation.list, placed.error().message);
  return api::SeenConversation{*std::move(placed), api::media_usage(conversation.media, seen)};
}

void MediaReader::read(api::Conversation conversation, Done done) {
  const std::int64_t bytes = file_bytes(conversation);
  const auto leave = [this, bytes] {
    --waiting_;
    file_bytes_ -= bytes;
  };
  const bool crowded = ++waiting_ > limits_.waiting_max;
  const bool heavy = (file_bytes_ += bytes) > limits_.file_bytes_max;
  if (crowded || heavy) {
    leave();
    return done(too_much("too many images and videos are waiting to be decoded"));
  }
  // A function object of asio must be copyable; what it carries is not small.
  auto shared = std::make_shared<api::Conversation>(std::move(conversation));
  boost::asio::post(threads_, [this, shared, leave, done = std::move(done)] {
    auto seen = see(*shared);
    leave();
    done(std::move(seen));
  });
}

void MediaReader::finish() {
  stop_.request_stop();
  threads_.join();
}

}  // namespace g4
