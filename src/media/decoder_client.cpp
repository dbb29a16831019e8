#include "media/decoder_client.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "media/decoder_process.h"
#include "media/file_kind.h"

namespace g4 {
namespace {

std::string decoder_program() {
  if (const char* named = std::getenv("G4_DECODER")) return named;
  std::error_code failure;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", failure);
  return (self.parent_path() / "gemma4-decoder").string();
}

// The spare decoder, started ahead of the next file.
class Spare {
 public:
  std::unique_ptr<DecoderProcess> take(const std::string& program) {
    std::unique_ptr<DecoderProcess> taken;
    {
      const std::lock_guard lock(mutex_);
      if (program == program_) taken = std::move(process_);
      process_.reset();
    }
    return taken && taken->running() ? std::move(taken) : nullptr;
  }
  void put(const std::string& program) {
    auto started = DecoderProcess::start(program);
    if (!started) return;  // the next file will meet the error and say so
    const std::lock_guard lock(mutex_);
    if (process_ && program == program_) return;
    process_ = *std::move(started);
    program_ = program;
  }

 private:
  std::mutex mutex_;
  std::unique_ptr<DecoderProcess> process_;
  std::string program_;
};

Spare& spare() {
  static Spare the_spare;
  return the_spare;
}

std::span<std::byte> bytes_of(std::vector<std::uint8_t>& values) {
  return std::as_writable_bytes(std::span(values));
}

// One request and its answer over one process.
class Conversation {
 public:
  Conversation(DecoderProcess& process, const DecodeRequest& request)
      : process_(process),
        request_(request),
        deadline_(std::chrono::steady_clock::now() + request.limits.time_max) {}

  Result<VideoFrames> hold(std::span<const std::byte> file) {
    const auto head = write_request(request_);
    // A decoder may refuse early and stop listening: its answer is read all the same.
    if (process_.send(head, deadline_)) (void)process_.send(file, deadline_);
    std::array<std::byte, kAnswerBytes> bytes;
    if (!process_.receive(bytes, deadline_)) return lost();
    auto answer = read_answer(bytes, request_);
    if (!answer) return nonsense(answer.error());
    if (answer->failed) return refusal(answer->sentence_bytes);
    return pictures(*answer);
  }

 private:
  Error lost() { return Error{process_.ending(deadline_)}; }
  static Error nonsense(const Error& error) {
    return Error{fmt::format("the media decoder gave a wrong answer ({}); the file is hostile",
                             error.message)};
  }

  Error refusal(std::uint32_t sentence_bytes) {
    std::string sentence(sentence_bytes, ' ');
    if (!process_.receive(std::as_writable_bytes(std::span(sentence)), deadline_)) return lost();
    // It goes into answers and logs: plain text only, whoever wrote it.
    for (char& c : sentence)
      if (c < ' ' || c > '~') c = '?';
    return Error{std::move(sentence)};
  }

  Result<VideoFrames> pictures(const DecodeAnswer& answer) {
    VideoFrames video{answer.length, {}};
    for (std::int32_t i = 0; i < answer.pictures; ++i) {
      std::array<std::byte, kPictureBytes> bytes;
      if (!process_.receive(bytes, deadline_)) return lost();
      auto mark = read_picture_mark(bytes);
      if (!mark) return nonsense(mark.error());
      std::vector<std::uint8_t> rgb(static_cast<std::size_t>(answer.size.pixels()) * 3);
      if (!process_.receive(bytes_of(rgb), deadline_)) return lost();
      video.frames.push_back(
          {mark->index, mark->seconds, {answer.size.width, answer.size.height, std::move(rgb)}});
    }
    return video;
  }

  DecoderProcess& process_;
  const DecodeRequest& request_;
  Deadline deadline_;
};

Result<VideoFrames> decode(std::span<const std::byte> file, const DecodeRequest& request) {
  if (request.file_bytes > request.limits.file_bytes_max)
    return Error{fmt::format("the file has {} bytes, of which at most {} are allowed",
                             request.file_bytes, request.limits.file_bytes_max)};
  const std::string program = decoder_program();
  std::unique_ptr<DecoderProcess> process = spare().take(program);
  if (!process) {
    auto started = DecoderProcess::start(program);
    if (!started) return std::move(started).error();
    process = *std::move(started);
  }
  Result<VideoFrames> frames = Conversation(*process, request).hold(file);
  process.reset();
  spare().put(program);
  return frames;
}

}  // namespace

Result<RgbImage> decode_image(std::span<const std::byte> file, ImageOptions options,
                              const DecodeLimits& limits) {
  auto kind = file_kind(file);
  if (!kind) return std::move(kind).error();
  if (!is_picture(*kind)) return Error{"this file is a video, not an image"};
  if (options.page < 0) return Error{"pages are counted from 0"};
  auto frames = decode(file, {options, limits, static_cast<std::int64_t>(file.size())});
  if (!frames) return std::move(frames).error();
  return std::move(frames->frames.front().image);
}

Result<VideoFrames> decode_video(std::span<const std::byte> file, const VideoOptions& options,
                                 const DecodeLimits& limits) {
  auto kind = file_kind(file);
  if (!kind) return std::move(kind).error();
  if (!is_video(*kind)) return Error{"this file is an image, not a video"};
  if (Status status = check_video_options(options); !status) return std::move(status).error();
  return decode(file, {options, limits, static_cast<std::int64_t>(file.size())});
}

}  // namespace g4
