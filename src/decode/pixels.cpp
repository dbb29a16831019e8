#include "decode/pixels.h"

#include <algorithm>

namespace g4::decode {
namespace {

// Colour of one pixel from `Bands` samples; whatever follows the colour is alpha and dropped.
template <int Bands, class Sample, class Narrow>
void convert(const void* samples, std::size_t pixels, std::uint8_t* rgb, Narrow narrow) {
  const auto* in = static_cast<const Sample*>(samples);
  for (std::size_t i = 0; i < pixels; ++i, in += Bands, rgb += 3)
    for (int c = 0; c < 3; ++c) rgb[c] = narrow(in[Bands >= 3 ? c : 0]);
}

// Pillow's a * b / 255, rounded.
int product_of_255(int a, int b) {
  const int t = a * b + 128;
  return ((t >> 8) + t) >> 8;
}

void convert_cmyk(const void* samples, std::size_t pixels, std::uint8_t* rgb) {
  const auto* in = static_cast<const std::uint8_t*>(samples);
  for (std::size_t i = 0; i < pixels; ++i, in += 4, rgb += 3) {
    const int light = 255 - in[3];
    for (int c = 0; c < 3; ++c)
      rgb[c] = static_cast<std::uint8_t>(std::clamp(light - product_of_255(in[c], light), 0, 255));
  }
}

std::uint8_t same(std::uint8_t v) { return v; }
std::uint8_t high_byte(std::uint16_t v) { return static_cast<std::uint8_t>(v >> 8); }
std::uint8_t cut_off(std::uint16_t v) { return static_cast<std::uint8_t>(v > 255 ? 255 : v); }

}  // namespace

void to_rgb(PixelLayout layout, const void* samples, std::size_t pixels, std::uint8_t* rgb) {
  using U8 = std::uint8_t;
  using U16 = std::uint16_t;
  switch (layout) {
    case PixelLayout::kGrey1:
      return convert<1, U8>(samples, pixels, rgb, same);
    case PixelLayout::kGreyAlpha2:
      return convert<2, U8>(samples, pixels, rgb, same);
    case PixelLayout::kRgb3:
      return convert<3, U8>(samples, pixels, rgb, same);
    case PixelLayout::kRgbAlpha4:
      return convert<4, U8>(samples, pixels, rgb, same);
    case PixelLayout::kCmyk4:
      return convert_cmyk(samples, pixels, rgb);
    // Pillow keeps 16 bits of grey alone ("I;16"), and its way to RGB cuts off.
    case PixelLayout::kGrey1x16:
      return convert<1, U16>(samples, pixels, rgb, cut_off);
    case PixelLayout::kGreyAlpha2x16:
      return convert<2, U16>(samples, pixels, rgb, high_byte);
    case PixelLayout::kRgb3x16:
      return convert<3, U16>(samples, pixels, rgb, high_byte);
    case PixelLayout::kRgbAlpha4x16:
      return convert<4, U16>(samples, pixels, rgb, high_byte);
  }
}

}  // namespace g4::decode
