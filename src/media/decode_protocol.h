// What the server and its decoder process say to each other over one socket: the decoder is ready,
// one request, one answer.
//
//   ready    kReadyBytes (magic, how), once the decoder is locked in: what goes wrong before is no
//            file's fault
//   request  kRequestBytes (magic, options, limits, length of the file), then the file
//   answer   kAnswerBytes (magic, outcome, sizes), then a sentence, or pictures, each with
//            kPictureBytes (index, seconds) before its RGB
//
// Both ends are one build on one machine, so numbers are in its own byte order. Each end still
// treats the other as foreign: the server because the decoder may have been taken over by a hostile
// file. Pure functions; no sockets here.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

#include "base/result.h"
#include "media/image.h"
#include "media/video.h"

namespace g4 {

struct DecodeLimits {
  std::int64_t file_bytes_max = std::int64_t{64} << 20;
  std::int64_t pixels_max = kImagePixelsMax;             // of one picture or frame
  std::int64_t video_bytes_max = std::int64_t{1} << 30;  // RGB of all frames together
  std::int32_t frames_max = 256;
  std::chrono::milliseconds time_max{30'000};
};

struct ImageOptions {
  std::int32_t page = 0;  // of a PDF or TIFF, from 0
};

struct DecodeRequest {
  std::variant<ImageOptions, VideoOptions> options;
  DecodeLimits limits;  // time_max stays with the server
  std::int64_t file_bytes = 0;

  bool wants_video() const { return std::holds_alternative<VideoOptions>(options); }
};

struct DecoderReady {
  bool landlock = true;  // else seccomp alone keeps it from files
};
inline constexpr std::size_t kReadyBytes = 8;
std::array<std::byte, kReadyBytes> write_ready(DecoderReady ready);
Result<DecoderReady> read_ready(std::span<const std::byte, kReadyBytes> bytes);

inline constexpr std::size_t kRequestBytes = 80;
std::array<std::byte, kRequestBytes> write_request(const DecodeRequest& request);
Result<DecodeRequest> read_request(std::span<const std::byte, kRequestBytes> bytes);

struct DecodeAnswer {
  bool failed = false;
  std::uint32_t sentence_bytes = 0;  // if failed
  ImageSize size;                    // otherwise
  std::int32_t pictures = 0;
  VideoLength length;
};

inline constexpr std::uint32_t kSentenceBytesMax = 4096;
inline constexpr std::size_t kAnswerBytes = 40;
std::array<std::byte, kAnswerBytes> write_answer(const DecodeAnswer& answer);
// Fails for an answer that the request does not allow, be it in nothing but its size.
Result<DecodeAnswer> read_answer(std::span<const std::byte, kAnswerBytes> bytes,
                                 const DecodeRequest& request);

struct PictureMark {
  std::int64_t index = 0;
  double seconds = 0;
};
inline constexpr std::size_t kPictureBytes = 16;
std::array<std::byte, kPictureBytes> write_picture_mark(PictureMark mark);
Result<PictureMark> read_picture_mark(std::span<const std::byte, kPictureBytes> bytes);

}  // namespace g4
