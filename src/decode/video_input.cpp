#include "decode/video_input.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "decode/orientation.h"

extern "C" {
#include <libavutil/opt.h>
}

namespace g4::decode {
namespace {

constexpr int kReadBytes = 64 * 1024;
constexpr const char* kFormats = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi";
// dav1d before FFmpeg's own AV1, which only drives hardware.
constexpr const char* kCodecs = "h264,hevc,vp8,vp9,libdav1d,libaom-av1,mpeg4";

Error av_failed(const char* what, int error) {
  char reason[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(error, reason, sizeof reason);
  return Error{
      fmt::format("{}: it is damaged, cut short or of an unknown variety ({})", what, reason)};
}

const char* format_name(FileKind kind) {
  switch (kind) {
    case FileKind::kMp4:
      return "mov";
    case FileKind::kMatroska:
      return "matroska";
    case FileKind::kAvi:
      return "avi";
    default:
      return nullptr;
  }
}

// Files may point to other files; those are nobody's business.
int refuse_to_open(AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
  return AVERROR(EPERM);
}

const AVCodec* decoder_for(AVCodecID id) {
  switch (id) {
    case AV_CODEC_ID_H264:
      return avcodec_find_decoder_by_name("h264");
    case AV_CODEC_ID_HEVC:
      return avcodec_find_decoder_by_name("hevc");
    case AV_CODEC_ID_VP8:
      return avcodec_find_decoder_by_name("vp8");
    case AV_CODEC_ID_VP9:
      return avcodec_find_decoder_by_name("vp9");
    case AV_CODEC_ID_MPEG4:
      return avcodec_find_decoder_by_name("mpeg4");
    case AV_CODEC_ID_AV1:
      if (const AVCodec* dav1d = avcodec_find_decoder_by_name("libdav1d")) return dav1d;
      return avcodec_find_decoder_by_name("libaom-av1");
    default:
      return nullptr;
  }
}

}  // namespace

Result<std::unique_ptr<VideoInput>> VideoInput::open(std::span<const std::byte> file, FileKind kind,
                                                     const DecodeLimits& limits) {
  std::unique_ptr<VideoInput> input(new VideoInput(file, limits));
  if (Status status = input->open_format(kind); !status) return std::move(status).error();
  if (Status status = input->find_stream(); !status) return std::move(status).error();
  return input;
}

VideoInput::~VideoInput() {
  avformat_close_input(&format_);
  if (io_ != nullptr) av_freep(&io_->buffer);
  avio_context_free(&io_);
}

int VideoInput::read(void* self, std::uint8_t* to, int size) {
  auto* input = static_cast<VideoInput*>(self);
  const std::int64_t left = static_cast<std::int64_t>(input->file_.size()) - input->at_;
  const std::int64_t n = std::min<std::int64_t>(left, size);
  if (n <= 0) return AVERROR_EOF;
  std::memcpy(to, input->file_.data() + input->at_, static_cast<std::size_t>(n));
  input->at_ += n;
  return static_cast<int>(n);
}

std::int64_t VideoInput::seek(void* self, std::int64_t offset, int whence) {
  auto* input = static_cast<VideoInput*>(self);
  const auto size = static_cast<std::int64_t>(input->file_.size());
  whence &= ~AVSEEK_FORCE;
  if (whence == AVSEEK_SIZE) return size;
  std::int64_t base = 0;
  if (whence == SEEK_CUR) base = input->at_;
  if (whence == SEEK_END) base = size;
  if (offset < -base || offset > size - base) return AVERROR(EINVAL);
  return input->at_ = base + offset;
}

Status VideoInput::open_format(FileKind kind) {
  const char* name = format_name(kind);
  if (name == nullptr) return Error{"this kind of file is not a video"};
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kReadBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  io_ = avio_alloc_context(buffer, kReadBytes, 0, this, read, nullptr, seek);
  format_ = avformat_alloc_context();
  if (io_ == nullptr || format_ == nullptr) throw std::bad_alloc();
  format_->pb = io_;
  format_->flags |= AVFMT_FLAG_CUSTOM_IO;
  format_->io_open = refuse_to_open;
  format_->format_whitelist = av_strdup(kFormats);
  format_->codec_whitelist = av_strdup(kCodecs);
  format_->max_streams = 64;
  const int error = avformat_open_input(&format_, nullptr, av_find_input_format(name), nullptr);
  if (error < 0) return av_failed("the video cannot be read", error);
  return {};
}

Status VideoInput::find_stream() {
  int found = -1;
  for (unsigned i = 0; i < format_->nb_streams; ++i) {
    AVStream* stream = format_->streams[i];
    const bool picture = (stream->disposition & AV_DISPOSITION_ATTACHED_PIC) != 0;
    const bool video = stream->codecpar->codec_type == AVMEDIA_TYPE_VIDEO && !picture;
    if (video && found < 0) found = static_cast<int>(i);
    stream->discard = found == static_cast<int>(i) ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  if (found < 0) return Error{"the file has no video in it"};
  stream_ = static_cast<unsigned>(found);
  const AVCodecID id = stream().codecpar->codec_id;
  const std::string how =
      id == AV_CODEC_ID_NONE ? "in an unknown way" : std::string("as ") + avcodec_get_name(id);
  if (decoder_for(id) == nullptr)
    return Error{fmt::format(
        "videos coded {} are not supported; H.264, HEVC, VP8, VP9, AV1 and MPEG-4 are", how)};
  return {};
}

double VideoInput::fps() const {
  for (const AVRational rate : {stream().avg_frame_rate, stream().r_frame_rate})
    if (rate.num > 0 && rate.den > 0) return av_q2d(rate);
  return VideoLength{}.fps;
}

int VideoInput::orientation() const {
  std::size_t size = 0;
  const auto* side = av_stream_get_side_data(&stream(), AV_PKT_DATA_DISPLAYMATRIX, &size);
  if (side == nullptr || size < 9 * sizeof(std::int32_t)) return 1;
  std::array<std::int32_t, 9> matrix;
  std::memcpy(matrix.data(), side, sizeof matrix);
  return orientation_of(matrix);
}

bool VideoInput::next(AVPacket& packet) {
  for (;;) {
    av_packet_unref(&packet);
    if (av_read_frame(format_, &packet) < 0) return false;
    if (packet.stream_index == static_cast<int>(stream_)) return true;
  }
}

Result<Codec> VideoInput::decoder() const {
  const AVCodec* codec = decoder_for(stream().codecpar->codec_id);
  Codec context(avcodec_alloc_context3(codec));
  if (!context) throw std::bad_alloc();
  if (avcodec_parameters_to_context(context.get(), stream().codecpar) < 0) throw std::bad_alloc();
  context->thread_count = 1;
  context->max_pixels = limits_.pixels_max;
  context->pkt_timebase = stream().time_base;
  const int error = avcodec_open2(context.get(), codec, nullptr);
  if (error < 0) return av_failed("the video cannot be decoded", error);
  return context;
}

}  // namespace g4::decode
