#include "decode/job.h"

#include <unistd.h>

#include <cerrno>
#include <new>
#include <span>
#include <string>
#include <vector>

#include "decode/image_file.h"
#include "decode/video_file.h"
#include "media/decode_protocol.h"
#include "media/file_kind.h"

namespace g4::decode {
namespace {

// The client ends this process at its own deadline; this is for a client that has died.
constexpr unsigned kSecondsMax = 600;

bool read_all(int socket, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::read(socket, bytes.data(), bytes.size());
    if (n > 0) bytes = bytes.subspan(static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) return false;
  }
  return true;
}

bool write_all(int socket, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(socket, bytes.data(), bytes.size());
    if (n >= 0) bytes = bytes.subspan(static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) return false;
  }
  return true;
}

Result<VideoFrames> decode(const DecodeRequest& request, std::span<const std::byte> file) {
  auto kind = file_kind(file);
  if (!kind) return std::move(kind).error();
  if (const auto* video = std::get_if<VideoOptions>(&request.options)) {
    return is_picture(*kind) ? load_animation(file, *kind, *video, request.limits)
                             : load_video(file, *kind, *video, request.limits);
  }
  auto image = load_image(file, *kind, std::get<ImageOptions>(request.options), request.limits);
  if (!image) return std::move(image).error();
  VideoFrames frames{{1, 1}, {}};
  frames.frames.push_back({0, 0, *std::move(image)});
  return frames;
}

bool refuse(int socket, const Error& error) {
  DecodeAnswer answer;
  answer.failed = true;
  const std::string sentence = error.message.empty() ? "the file cannot be read"
                                                     : error.message.substr(0, kSentenceBytesMax);
  answer.sentence_bytes = static_cast<std::uint32_t>(sentence.size());
  return write_all(socket, write_answer(answer)) &&
         write_all(socket, std::as_bytes(std::span(sentence)));
}

bool hand_over(int socket, const VideoFrames& video) {
  DecodeAnswer answer;
  answer.size = video.frames.front().image.size();
  answer.pictures = static_cast<std::int32_t>(video.frames.size());
  answer.length = video.length;
  if (!write_all(socket, write_answer(answer))) return false;
  for (const VideoFrame& frame : video.frames)
    if (!write_all(socket, write_picture_mark({frame.index, frame.seconds})) ||
        !write_all(socket, std::as_bytes(std::span(frame.image.rgb))))
      return false;
  return true;
}

}  // namespace

Status start_libraries(const char* program) {
  start_video_library();
  return start_image_library(program);
}

bool serve_one(int socket, Landlock landlock) {
  if (!write_all(socket, write_ready({landlock == Landlock::kOn}))) return false;
  std::array<std::byte, kRequestBytes> head;
  if (!read_all(socket, head)) return false;
  const auto request = read_request(head);
  if (!request) return false;
  ::alarm(kSecondsMax);
  try {
    std::vector<std::byte> file(static_cast<std::size_t>(request->file_bytes));
    if (!read_all(socket, file)) return false;
    const auto frames = decode(*request, file);
    return frames ? hand_over(socket, *frames) : refuse(socket, frames.error());
  } catch (const std::bad_alloc&) {
    return refuse(socket, Error{"the file needs more memory than a decoder may have"});
  }
}

}  // namespace g4::decode
