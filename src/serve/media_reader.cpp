#include "serve/media_reader.h"

#include <fmt/format.h>

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

// Frees the bytes once they are seen.
Result<std::vector<std::byte>> take(api::MediaFile& file) {
  if (!file.url.empty()) return Error{"this server fetches nothing: send the file as a data: URL"};
  return std::move(file.bytes);
}

Result<PromptMedium> see(api::ImagePart& part) {
  const auto file = G4_TRY(take(part.file));
  return PromptMedium(G4_TRY(see_image(file, part.budget, part.page)));
}

Result<PromptMedium> see(api::VideoPart& part) {
  const auto file = G4_TRY(take(part.file));
  return PromptMedium(G4_TRY(see_video(file, part.look)));
}

Result<PromptMedium> see(api::FramesPart& part) {
  std::vector<std::vector<std::byte>> files;
  for (api::MediaFile& frame : part.frames) files.push_back(G4_TRY(take(frame)));
  return PromptMedium(G4_TRY(see_frames(files, part.fps, part.budget)));
}

}  // namespace

// One medium after the other: two requests at a time keep two cores busy.
api::Parsed<api::SeenConversation> MediaReader::see(api::Conversation& conversation) const {
  std::vector<PromptMedium> seen;
  std::uint64_t tokens = 0;
  for (api::RequestMedium& medium : conversation.media) {
    auto prompt = std::visit([](auto& part) { return g4::see(part); }, medium.part);
    if (!prompt)
      return api::invalid(medium.path, fmt::format("{}: {}", medium.path, prompt.error().message));
    tokens += prompt_tokens(*prompt);
    if (tokens >= context_tokens_max_)
      return api::ApiError{400,
                           fmt::format("{}: with it images and videos take {} tokens, and prompt "
                                       "and answer together have {}",
                                       medium.path, tokens, context_tokens_max_),
                           medium.path, "context_length_exceeded"};
    seen.push_back(*std::move(prompt));
  }
  auto placed = place_media(conversation.rendered, seen, tokenizer_);
  if (!placed) return api::invalid("messages", placed.error().message);
  return api::SeenConversation{*std::move(placed), api::media_usage(conversation.media, seen)};
}

void MediaReader::read(api::Conversation conversation, Done done) {
  const std::int64_t bytes = file_bytes(conversation);
  const auto leave = [this, bytes] {
    --waiting_;
    bytes_ -= bytes;
  };
  const bool crowded = ++waiting_ > kWaitingMax;
  const bool heavy = (bytes_ += bytes) > kBytesMax;
  if (crowded || heavy) {
    leave();
    return done(api::ApiError{
        429, "too many images and videos are waiting to be decoded; no more are taken now",
        std::nullopt, "queue_full"});
  }
  // A function object of asio must be copyable; what it carries is not small.
  auto shared = std::make_shared<api::Conversation>(std::move(conversation));
  boost::asio::post(threads_, [this, shared, leave, done = std::move(done)] {
    auto seen = see(*shared);
    leave();
    done(std::move(seen));
  });
}

void MediaReader::finish() { threads_.join(); }

}  // namespace g4
