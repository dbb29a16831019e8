#include "decode/video_file.h"

#include <fmt/format.h>

#include <cstring>
#include <new>
#include <optional>

#include "decode/orientation.h"
#include "decode/video_input.h"

extern "C" {
#include <libavutil/imgutils.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>
}

namespace g4::decode {
namespace {

constexpr int kRowAlignment = 64;  // libswscale's vectors write whole ones

// YUV of any kind to RGB; keeps its set-up while frames look alike.
class ToRgb {
 public:
  ~ToRgb() {
    sws_freeContext(context_);
    av_freep(&rows_);
  }
  Result<RgbImage> convert(const AVFrame& frame) {
    if (Status status = set_up(frame); !status) return std::move(status).error();
    std::uint8_t* to[4]{rows_};
    int steps[4]{stride_};
    if (sws_scale(context_, frame.data, frame.linesize, 0, frame.height, to, steps) != frame.height)
      return Error{"the colours of the video cannot be converted"};
    RgbImage image{frame.width, frame.height, {}};
    image.rgb.resize(static_cast<std::size_t>(image.size().pixels()) * 3);
    for (std::int32_t y = 0; y < image.height; ++y)
      std::memcpy(image.row(y), rows_ + std::ptrdiff_t{y} * stride_, image.row_bytes());
    return image;
  }

 private:
  Status set_up(const AVFrame& frame) {
    const auto format = static_cast<AVPixelFormat>(frame.format);
    if (context_ != nullptr && frame.width == width_ && frame.height == height_ &&
        format == format_)
      return {};
    sws_freeContext(context_);
    av_freep(&rows_);
    width_ = frame.width;
    height_ = frame.height;
    format_ = format;
    stride_ = (3 * width_ + 2 * kRowAlignment - 1) / kRowAlignment * kRowAlignment;
    constexpr int kExact =
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT | SWS_FULL_CHR_H_INP | SWS_BITEXACT;
    context_ = sws_getContext(width_, height_, format_, width_, height_, AV_PIX_FMT_RGB24, kExact,
                              nullptr, nullptr, nullptr);
    if (context_ == nullptr) return Error{"the colours of the video are not supported"};
    const int* matrix = sws_getCoefficients(frame.colorspace);
    sws_setColorspaceDetails(context_, matrix, frame.color_range == AVCOL_RANGE_JPEG, matrix, 1, 0,
                             1 << 16, 1 << 16);
    rows_ = static_cast<std::uint8_t*>(
        av_malloc(static_cast<std::size_t>(stride_) * static_cast<std::size_t>(height_ + 1)));
    if (rows_ == nullptr) throw std::bad_alloc();
    return {};
  }

  SwsContext* context_ = nullptr;
  std::uint8_t* rows_ = nullptr;
  int width_ = 0, height_ = 0, stride_ = 0;
  AVPixelFormat format_ = AV_PIX_FMT_NONE;
};

// One pass over the file that keeps the frames at `indices`, ascending.
class Pass {
 public:
  Pass(VideoInput& input, const std::vector<std::int64_t>& indices, const DecodeLimits& limits)
      : input_(input), indices_(indices), limits_(limits) {}

  Status run() {
    auto codec = input_.decoder();
    if (!codec) return std::move(codec).error();
    const Packet packet(av_packet_alloc());
    const Frame frame(av_frame_alloc());
    if (!packet || !frame) throw std::bad_alloc();
    bool more = true;
    while (more && images.size() < indices_.size()) {
      more = input_.next(*packet);
      if (avcodec_send_packet(codec->get(), more ? packet.get() : nullptr) < 0) damaged = true;
      while (avcodec_receive_frame(codec->get(), frame.get()) >= 0)
        if (Status status = take(*frame); !status) return status;
    }
    return {};
  }

  std::vector<RgbImage> images;
  std::int64_t frames = 0;  // of the file, if not all images were found
  bool damaged = false;

 private:
  Status take(const AVFrame& frame) {
    const std::int64_t index = frames++;
    if (images.size() == indices_.size() || index != indices_[images.size()]) return {};
    const ImageSize size{frame.width, frame.height};
    if (Status status = check_video_size(size, indices_.size(), limits_); !status) return status;
    auto image = to_rgb_.convert(frame);
    if (!image) return std::move(image).error();
    images.push_back(upright(*std::move(image), input_.orientation()));
    if (images.back().size() != images.front().size())
      return Error{"the video changes its size on the way, which is not supported"};
    return {};
  }

  VideoInput& input_;
  const std::vector<std::int64_t>& indices_;
  const DecodeLimits& limits_;
  ToRgb to_rgb_;
};

// VP8 has packets that show nothing; elsewhere a packet is a frame.
bool is_shown(const AVStream& stream, const AVPacket& packet) {
  if (packet.flags & AV_PKT_FLAG_DISCARD) return false;
  if (stream.codecpar->codec_id != AV_CODEC_ID_VP8) return true;
  return packet.size > 0 && (packet.data[0] & 0x10) != 0;
}

Result<VideoLength> measure(VideoInput& input) {
  const Packet packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  VideoLength length{0, 0};
  std::int64_t packets = 0;
  std::int64_t first = INT64_MAX, last = INT64_MIN;
  while (input.next(*packet)) {
    if (packet->flags & AV_PKT_FLAG_CORRUPT) return Error{"the video is damaged or cut short"};
    ++packets;
    length.frames += is_shown(input.stream(), *packet);
    if (packet->pts == AV_NOPTS_VALUE) continue;
    first = std::min(first, packet->pts);
    last = std::max(last, packet->pts);
  }
  if (packets < input.stream().nb_frames && input.stream().nb_frames < INT32_MAX)
    return Error{fmt::format("the video is cut short: {} of {} frames are there", packets,
                             input.stream().nb_frames)};
  length.fps = input.fps();
  const AVRational rate = input.stream().avg_frame_rate;
  // WebM often names no rate; its time stamps tell.
  if ((rate.num <= 0 || rate.den <= 0) && length.frames > 1 && last > first)
    length.fps = static_cast<double>(length.frames - 1) /
                 (static_cast<double>(last - first) * av_q2d(input.stream().time_base));
  return length;
}

VideoFrames with_times(VideoLength length, const std::vector<std::int64_t>& indices,
                       std::vector<RgbImage> images) {
  VideoFrames video{length, {}};
  for (std::size_t i = 0; i < images.size(); ++i)
    video.frames.push_back(
        {indices[i], static_cast<double>(indices[i]) / length.fps, std::move(images[i])});
  return video;
}

}  // namespace

void start_video_library() { av_log_set_level(AV_LOG_QUIET); }

Status check_video_size(ImageSize size, std::size_t frames, const DecodeLimits& limits) {
  if (Status status = check_image_size(size); !status) return status;
  if (size.pixels() > limits.pixels_max)
    return Error{fmt::format("the video has {} x {} pixels, more than the {} allowed", size.width,
                             size.height, limits.pixels_max)};
  if (size.pixels() * 3 * static_cast<std::int64_t>(frames) > limits.video_bytes_max)
    return Error{
        fmt::format("{} frames of {} x {} pixels are more than the {} bytes allowed; ask "
                    "for fewer frames",
                    frames, size.width, size.height, limits.video_bytes_max)};
  return {};
}

Result<VideoFrames> load_video(std::span<const std::byte> file, FileKind kind,
                               const VideoOptions& options, const DecodeLimits& limits) {
  auto counted = VideoInput::open(file, kind, limits);
  if (!counted) return std::move(counted).error();
  auto length = measure(**counted);
  if (!length) return std::move(length).error();
  // A second try if fewer frames come out than packets went in.
  for (const bool last_try : {false, true}) {
    const auto indices = sample_frames(*length, options, limits.frames_max);
    if (!indices) return indices.error();
    auto input = VideoInput::open(file, kind, limits);
    if (!input) return std::move(input).error();
    Pass pass(**input, *indices, limits);
    if (Status status = pass.run(); !status) return std::move(status).error();
    if (pass.images.size() == indices->size())
      return with_times(*length, *indices, std::move(pass.images));
    if (pass.damaged || pass.frames == 0 || last_try) break;
    length->frames = pass.frames;
  }
  return Error{"the video is damaged or cut short: frames are missing"};
}

}  // namespace g4::decode
