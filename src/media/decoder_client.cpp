#include "media/decoder_client.h"

#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "media/decoder_process.h"
#include "media/file_kind.h"

namespace g4 {
namespace {

std::string decoder_program() { return program_beside("gemma4-decoder", "G4_DECODER"); }

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

// From start to locked in, on a machine with much else to do.
constexpr std::chrono::seconds kStartMax{30};

DecodeError file_at_fault(std::string sentence) {
  return {{std::move(sentence)}, DecodeError::Fault::kFile};
}

DecodeError we_failed(std::string sentence) {
  return {{std::move(sentence)}, DecodeError::Fault::kOurs};
}

using Frames = Result<VideoFrames, DecodeError>;

void warn_of_old_kernel() {
  static std::once_flag told;
  std::call_once(told, [] {
    spdlog::warn("this kernel has no Landlock: seccomp alone keeps the media decoder from files");
  });
}

std::optional<DecodeError> await_ready(DecoderProcess& process) {
  const Deadline deadline = std::chrono::steady_clock::now() + kStartMax;
  std::array<std::byte, kReadyBytes> bytes;
  if (process.receive(bytes, deadline)) {
    const auto ready = read_ready(bytes);
    if (!ready) return we_failed("the media decoder's first words: " + ready.error().message);
    if (!ready->landlock) warn_of_old_kernel();
    return std::nullopt;
  }
  const Ending ending = process.end(deadline);
  switch (ending.kind) {
    case Ending::Kind::kLate:
      return we_failed(
          fmt::format("the media decoder did not start within {} s", kStartMax.count()));
    case Ending::Kind::kSignal:
      return we_failed(
          fmt::format("the media decoder crashed as it started (signal {})", ending.number));
    case Ending::Kind::kCode:
      break;
  }
  return we_failed(
      fmt::format("the media decoder ended with code {} as it started", ending.number));
}

// One request and its answer over one process that is ready.
class Conversation {
 public:
  Conversation(DecoderProcess& process, const DecodeRequest& request)
      : process_(process),
        request_(request),
        deadline_(std::chrono::steady_clock::now() + request.limits.time_max) {}

  Frames hold(std::span<const std::byte> file) {
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
  DecodeError lost() {
    const Ending ending = process_.end(deadline_);
    switch (ending.kind) {
      case Ending::Kind::kLate:
        return file_at_fault("the file took too long to decode; it may be damaged, or too large");
      case Ending::Kind::kSignal:
        // Nothing that a decoder may call does that.
        if (ending.number == SIGKILL)
          return we_failed("the media decoder was killed; the machine may be short of memory");
        return file_at_fault(fmt::format(
            "the file made its decoder crash (signal {}); it is damaged, hostile, or needs more "
            "memory than a decoder may have",
            ending.number));
      case Ending::Kind::kCode:
        break;
    }
    return file_at_fault(fmt::format(
        "the file made its decoder end with code {}; it is damaged or hostile", ending.number));
  }
  static DecodeError nonsense(const Error& error) {
    return file_at_fault(fmt::format(
        "the media decoder gave a wrong answer ({}); the file is hostile", error.message));
  }

  DecodeError refusal(std::uint32_t sentence_bytes) {
    std::string sentence(sentence_bytes, ' ');
    if (!process_.receive(std::as_writable_bytes(std::span(sentence)), deadline_)) return lost();
    // It goes into answers and logs: plain text only, whoever wrote it.
    for (char& c : sentence)
      if (c < ' ' || c > '~') c = '?';
    return file_at_fault(std::move(sentence));
  }

  Frames pictures(const DecodeAnswer& answer) {
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

Frames decode(std::span<const std::byte> file, const DecodeRequest& request) {
  if (request.file_bytes > request.limits.file_bytes_max)
    return file_at_fault(fmt::format("the file has {} bytes, of which at most {} are allowed",
                                     request.file_bytes, request.limits.file_bytes_max));
  const std::string program = decoder_program();
  std::unique_ptr<DecoderProcess> process = spare().take(program);
  if (!process) {
    auto started = DecoderProcess::start(program);
    if (!started) return we_failed(std::move(started).error().message);
    process = *std::move(started);
  }
  if (auto failure = await_ready(*process)) return *std::move(failure);
  Frames frames = Conversation(*process, request).hold(file);
  process.reset();
  spare().put(program);
  return frames;
}

}  // namespace

Result<RgbImage, DecodeError> decode_image(std::span<const std::byte> file, ImageOptions options,
                                           const DecodeLimits& limits) {
  auto kind = file_kind(file);
  if (!kind) return file_at_fault(std::move(kind).error().message);
  if (!is_picture(*kind)) return file_at_fault("this file is a video, not an image");
  if (options.page < 0) return file_at_fault("pages are counted from 0");
  auto frames = decode(file, {options, limits, static_cast<std::int64_t>(file.size())});
  if (!frames) return std::move(frames).error();
  return std::move(frames->frames.front().image);
}

Result<VideoFrames, DecodeError> decode_video(std::span<const std::byte> file,
                                              const VideoOptions& options,
                                              const DecodeLimits& limits) {
  auto kind = file_kind(file);
  if (!kind) return file_at_fault(std::move(kind).error().message);
  if (!is_video(*kind)) return file_at_fault("this file is an image, not a video");
  if (Status status = check_video_options(options); !status)
    return file_at_fault(std::move(status).error().message);
  return decode(file, {options, limits, static_cast<std::int64_t>(file.size())});
}

}  // namespace g4
