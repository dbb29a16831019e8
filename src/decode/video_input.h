// One video stream of a file in memory, packet by packet.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "base/result.h"
#include "media/decode_protocol.h"
#include "media/file_kind.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace g4::decode {

struct FreePacket {
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};
struct FreeFrame {
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
};
struct FreeCodec {
  void operator()(AVCodecContext* codec) const { avcodec_free_context(&codec); }
};
using Packet = std::unique_ptr<AVPacket, FreePacket>;
using Frame = std::unique_ptr<AVFrame, FreeFrame>;
using Codec = std::unique_ptr<AVCodecContext, FreeCodec>;

class VideoInput {
 public:
  // `file` must outlive the input.
  static Result<std::unique_ptr<VideoInput>> open(std::span<const std::byte> file, FileKind kind,
                                                  const DecodeLimits& limits);
  ~VideoInput();
  VideoInput(const VideoInput&) = delete;
  VideoInput& operator=(const VideoInput&) = delete;

  const AVStream& stream() const { return *format_->streams[stream_]; }
  double fps() const;           // 24 if the file does not say
  int orientation() const;      // as EXIF counts
  bool next(AVPacket& packet);  // false at the end; packets of other streams are skipped
  Result<Codec> decoder() const;

 private:
  VideoInput(std::span<const std::byte> file, const DecodeLimits& limits)
      : file_(file), limits_(limits) {}
  Status open_format(FileKind kind);
  Status find_stream();
  static int read(void* self, std::uint8_t* to, int size);
  static std::int64_t seek(void* self, std::int64_t offset, int whence);

  std::span<const std::byte> file_;
  const DecodeLimits& limits_;
  std::int64_t at_ = 0;
  AVIOContext* io_ = nullptr;
  AVFormatContext* format_ = nullptr;
  unsigned stream_ = 0;
};

}  // namespace g4::decode
