#include "decode/orientation.h"

#include <algorithm>
#include <cstdlib>

namespace g4::decode {

int orientation_of(const std::array<std::int32_t, 9>& matrix) {
  const std::int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
  const bool columns_become_rows = std::abs(b) + std::abs(c) > std::abs(a) + std::abs(d);
  if (columns_become_rows) return b < 0 ? (c < 0 ? 7 : 8) : (c < 0 ? 6 : 5);
  return a < 0 ? (d < 0 ? 3 : 2) : (d < 0 ? 4 : 1);
}

RgbImage upright(RgbImage image, int orientation) {
  if (orientation < 2 || orientation > 8) return image;
  const bool turned = orientation >= 5;  // columns become rows
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_below =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  RgbImage out{turned ? image.height : image.width, turned ? image.width : image.height, {}};
  out.rgb.resize(image.rgb.size());
  for (std::int32_t y = 0; y < out.height; ++y) {
    std::uint8_t* to = out.row(y);
    for (std::int32_t x = 0; x < out.width; ++x, to += 3) {
      std::int32_t column = turned ? y : x, row = turned ? x : y;
      if (from_right) column = image.width - 1 - column;
      if (from_below) row = image.height - 1 - row;
      std::copy_n(image.row(row) + std::ptrdiff_t{3} * column, 3, to);
    }
  }
  return out;
}

}  // namespace g4::decode
