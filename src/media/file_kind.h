// What a foreign file is, by its first bytes. Only kinds on this list ever reach a decoder library,
// and each reaches exactly one: the libraries never get to guess.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"

namespace g4 {

enum class FileKind : std::uint8_t {
  kJpeg,
  kPng,
  kWebp,
  kGif,
  kTiff,
  kHeif,  // HEIC and AVIF
  kPdf,
  kMp4,       // MP4 and QuickTime
  kMatroska,  // MKV and WebM
  kAvi,
};

Result<FileKind> file_kind(std::span<const std::byte> file);

bool is_picture(FileKind kind);  // animated GIF and WebP are both pictures and videos
bool is_video(FileKind kind);

}  // namespace g4
