// RgbImage: a decoded picture, 8-bit R, G, B side by side, rows from the top, no padding.
//
// Sizes come from files and peers, so they are foreign: check_image_size() before any arithmetic
// with them. With these limits no count of pixels or bytes in this room can overflow an int64.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace g4 {

struct ImageSize {
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::int64_t pixels() const { return std::int64_t{width} * height; }
  bool operator==(const ImageSize&) const = default;
};

inline constexpr std::int32_t kImageSideMax = 65'535;                     // JPEG's own limit
inline constexpr std::int64_t kImagePixelsMax = std::int64_t{128} << 20;  // 384 MiB of bytes

Status check_image_size(ImageSize size);

struct RgbImage {
  std::int32_t width = 0;
  std::int32_t height = 0;
  std::vector<std::uint8_t> rgb;  // [height, width, 3]

  ImageSize size() const { return {width, height}; }
  std::size_t row_bytes() const { return std::size_t{3} * static_cast<std::size_t>(width); }
  const std::uint8_t* row(std::int32_t y) const {
    return rgb.data() + static_cast<std::size_t>(y) * row_bytes();
  }
  std::uint8_t* row(std::int32_t y) {
    return rgb.data() + static_cast<std::size_t>(y) * row_bytes();
  }
};

// Takes decoded bytes; fails if the size is not allowed or is not that of the bytes.
Result<RgbImage> make_image(ImageSize size, std::vector<std::uint8_t> rgb);

}  // namespace g4
