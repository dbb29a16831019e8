#include "media/decode_protocol.h"

#include <fmt/format.h>

#include <cassert>
#include <cmath>
#include <cstring>

namespace g4 {
namespace {

constexpr std::uint32_t kReadyMagic = 0x72443447;    // "G4Dr"
constexpr std::uint32_t kRequestMagic = 0x71443447;  // "G4Dq"
constexpr std::uint32_t kAnswerMagic = 0x61443447;   // "G4Da"
constexpr std::int64_t kBytesMax = std::int64_t{1} << 40;
constexpr double kNotGiven = -1;

template <std::size_t N>
class Writer {
 public:
  template <class T>
  Writer& put(T value) {
    assert(at_ + sizeof value <= N);
    std::memcpy(bytes_.data() + at_, &value, sizeof value);
    at_ += sizeof value;
    return *this;
  }
  std::array<std::byte, N> done() const {
    assert(at_ == N);
    return bytes_;
  }

 private:
  std::array<std::byte, N> bytes_{};
  std::size_t at_ = 0;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    T value;
    assert(at_ + sizeof value <= bytes_.size());
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

 private:
  std::span<const std::byte> bytes_;
  std::size_t at_ = 0;
};

Status check_limits(const DecodeLimits& limits) {
  for (const std::int64_t bytes : {limits.file_bytes_max, limits.video_bytes_max})
    if (bytes < 1 || bytes > kBytesMax) return Error{"a limit of bytes is out of range"};
  if (limits.pixels_max < 1 || limits.pixels_max > kImagePixelsMax)
    return Error{"the limit of pixels is out of range"};
  if (limits.frames_max < 1 || limits.frames_max > kVideoFramesMax)
    return Error{"the limit of frames is out of range"};
  return {};
}

Status check_pictures(const DecodeAnswer& answer, const DecodeRequest& request) {
  if (Status status = check_image_size(answer.size); !status) return status;
  if (answer.size.pixels() > request.limits.pixels_max) return Error{"more pixels than allowed"};
  const std::int32_t most = request.wants_video() ? request.limits.frames_max : 1;
  if (answer.pictures < 1 || answer.pictures > most) return Error{"a wrong number of pictures"};
  if (request.wants_video() &&
      answer.size.pixels() * 3 * answer.pictures > request.limits.video_bytes_max)
    return Error{"more bytes than allowed"};
  if (answer.length.frames < answer.pictures) return Error{"more pictures than frames"};
  if (!(answer.length.fps > 0 && std::isfinite(answer.length.fps))) return Error{"a wrong fps"};
  return {};
}

}  // namespace

std::array<std::byte, kReadyBytes> write_ready(DecoderReady ready) {
  return Writer<kReadyBytes>().put(kReadyMagic).put(std::uint32_t{ready.landlock}).done();
}

Result<DecoderReady> read_ready(std::span<const std::byte, kReadyBytes> bytes) {
  Reader in(bytes);
  if (in.take<std::uint32_t>() != kReadyMagic) return Error{"this is no decoder"};
  const auto landlock = in.take<std::uint32_t>();
  if (landlock > 1) return Error{"this is another build's decoder"};
  return DecoderReady{landlock == 1};
}

std::array<std::byte, kRequestBytes> write_request(const DecodeRequest& request) {
  const auto* image = std::get_if<ImageOptions>(&request.options);
  const auto* video = std::get_if<VideoOptions>(&request.options);
  const VideoOptions& times = video ? *video : VideoOptions{};
  Writer<kRequestBytes> out;
  out.put(kRequestMagic).put(std::uint32_t{video != nullptr});
  out.put(image ? image->page : 0).put(times.frames);
  out.put(times.fps.value_or(kNotGiven)).put(times.start_seconds);
  out.put(times.end_seconds.value_or(kNotGiven));
  out.put(request.limits.file_bytes_max).put(request.limits.pixels_max);
  out.put(request.limits.video_bytes_max).put(std::int64_t{request.limits.frames_max});
  out.put(request.file_bytes);
  return out.done();
}

Result<DecodeRequest> read_request(std::span<const std::byte, kRequestBytes> bytes) {
  Reader in(bytes);
  if (in.take<std::uint32_t>() != kRequestMagic) return Error{"this is no request"};
  const auto what = in.take<std::uint32_t>();
  if (what > 1) return Error{"an unknown request"};
  DecodeRequest request;
  ImageOptions image{in.take<std::int32_t>()};
  VideoOptions video;
  video.frames = in.take<std::int32_t>();
  if (const double fps = in.take<double>(); fps != kNotGiven) video.fps = fps;
  video.start_seconds = in.take<double>();
  if (const double end = in.take<double>(); end != kNotGiven) video.end_seconds = end;
  if (image.page < 0) return Error{"pages are counted from 0"};
  if (Status status = check_video_options(video); !status) return std::move(status).error();
  request.limits.file_bytes_max = in.take<std::int64_t>();
  request.limits.pixels_max = in.take<std::int64_t>();
  request.limits.video_bytes_max = in.take<std::int64_t>();
  const auto frames_max = in.take<std::int64_t>();
  if (frames_max < 1 || frames_max > kVideoFramesMax) return Error{"a wrong limit of frames"};
  request.limits.frames_max = static_cast<std::int32_t>(frames_max);
  if (Status status = check_limits(request.limits); !status) return std::move(status).error();
  request.file_bytes = in.take<std::int64_t>();
  if (request.file_bytes < 1 || request.file_bytes > request.limits.file_bytes_max)
    return Error{"a wrong length of the file"};
  if (what == 0) {
    request.options = image;
  } else {
    request.options = video;
  }
  return request;
}

std::array<std::byte, kAnswerBytes> write_answer(const DecodeAnswer& answer) {
  Writer<kAnswerBytes> out;
  out.put(kAnswerMagic).put(std::uint32_t{answer.failed}).put(answer.sentence_bytes);
  out.put(answer.size.width).put(answer.size.height).put(answer.pictures);
  out.put(answer.length.frames).put(answer.length.fps);
  return out.done();
}

Result<DecodeAnswer> read_answer(std::span<const std::byte, kAnswerBytes> bytes,
                                 const DecodeRequest& request) {
  Reader in(bytes);
  if (in.take<std::uint32_t>() != kAnswerMagic) return Error{"no answer at all"};
  const auto outcome = in.take<std::uint32_t>();
  if (outcome > 1) return Error{"an unknown outcome"};
  DecodeAnswer answer;
  answer.failed = outcome == 1;
  answer.sentence_bytes = in.take<std::uint32_t>();
  answer.size.width = in.take<std::int32_t>();
  answer.size.height = in.take<std::int32_t>();
  answer.pictures = in.take<std::int32_t>();
  answer.length.frames = in.take<std::int64_t>();
  answer.length.fps = in.take<double>();
  if (answer.failed) {
    if (answer.sentence_bytes < 1 || answer.sentence_bytes > kSentenceBytesMax)
      return Error{"an endless sentence"};
    return answer;
  }
  if (Status status = check_pictures(answer, request); !status) return std::move(status).error();
  return answer;
}

std::array<std::byte, kPictureBytes> write_picture_mark(PictureMark mark) {
  return Writer<kPictureBytes>().put(mark.index).put(mark.seconds).done();
}

Result<PictureMark> read_picture_mark(std::span<const std::byte, kPictureBytes> bytes) {
  Reader in(bytes);
  PictureMark mark;
  mark.index = in.take<std::int64_t>();
  mark.seconds = in.take<double>();
  if (mark.index < 0 || !(mark.seconds >= 0 && mark.seconds <= kVideoSecondsMax))
    return Error{"a picture out of place"};
  return mark;
}

}  // namespace g4
