// Decodes foreign files in a process of their own, `gemma4-decoder`: one process for each file.
//
// A file that crashes the decoder, hangs it or takes it over costs its caller an error and nothing
// else; this process links no image or video library. The decoder is the program beside our own, or
// what the environment's G4_DECODER names. Starting one takes some 60 ms, so a spare one is kept,
// already locked into its sandbox (40 MB, idle).
//
// Threads: any number at once; calls block until the answer or limits.time_max, which begins when a
// decoder is ready.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "media/decode_protocol.h"
#include "media/image.h"
#include "media/video.h"

namespace g4 {

struct DecodeError : Error {
  enum class Fault : std::uint8_t {
    kFile,  // of an unknown kind, damaged, too large, too slow, or fatal to its decoder; a wish
            // that it cannot fill: whoever sent it may read the sentence
    kOurs,  // no decoder can be had; the sentence is for whoever runs this program
  };
  Fault fault = Fault::kFile;
};

Result<RgbImage, DecodeError> decode_image(std::span<const std::byte> file, ImageOptions options,
                                           const DecodeLimits& limits);
Result<VideoFrames, DecodeError> decode_video(std::span<const std::byte> file,
                                              const VideoOptions& options,
                                              const DecodeLimits& limits);

}  // namespace g4
