// Video files by FFmpeg's libraries, from memory.
//
// A file is read twice: once to count its frames, since headers may lie or be silent, and once to
// decode. Colours are converted by libswscale at its most exact, with the matrix the file names
// (BT.601 if it names none), and frames are turned upright.
// Threads: one; none is started.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "media/decode_protocol.h"
#include "media/file_kind.h"
#include "media/video.h"

namespace g4::decode {

void start_video_library();

Result<VideoFrames> load_video(std::span<const std::byte> file, FileKind kind,
                               const VideoOptions& options, const DecodeLimits& limits);

// Whether frames of this size may be handed over in this number.
Status check_video_size(ImageSize size, std::size_t frames, const DecodeLimits& limits);

}  // namespace g4::decode
