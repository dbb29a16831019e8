// Image files by libvips: the pixels that Pillow's open(), exif_transpose() and convert("RGB")
// give.
//
// Each kind is opened by the one loader named for it. Where Pillow's ways look odd they are kept,
// as the model was trained behind them: alpha is dropped, 16-bit grey is cut off at 255, CMYK is
// converted without profiles.
// Threads: one; none is started.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "media/decode_protocol.h"
#include "media/file_kind.h"
#include "media/image.h"
#include "media/video.h"

namespace g4::decode {

// Loads the library and its modules; before the sandbox is entered.
Status start_image_library(const char* program);

Result<RgbImage> load_image(std::span<const std::byte> file, FileKind kind, ImageOptions options,
                            const DecodeLimits& limits);

// Frames of an animated GIF or WebP.
Result<VideoFrames> load_animation(std::span<const std::byte> file, FileKind kind,
                                   const VideoOptions& options, const DecodeLimits& limits);

}  // namespace g4::decode
