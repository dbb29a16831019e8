// Rows of samples as image libraries give them, to 8-bit RGB as Pillow converts them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace g4::decode {

// After its name: samples a pixel, 8 bits each unless said.
enum class PixelLayout : std::uint8_t {
  kGrey1,
  kGreyAlpha2,
  kRgb3,
  kRgbAlpha4,
  kCmyk4,
  kGrey1x16,
  kGreyAlpha2x16,
  kRgb3x16,
  kRgbAlpha4x16,
};

// `samples` is aligned for its type.
void to_rgb(PixelLayout layout, const void* samples, std::size_t pixels, std::uint8_t* rgb);

}  // namespace g4::decode
