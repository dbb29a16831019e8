// EXIF orientation: 1 to 8, as a file's metadata says how its rows lie.
#pragma once

#include <array>
#include <cstdint>

#include "media/image.h"

namespace g4::decode {

// Of an MP4's display matrix (a b u, c d v, x y w): pixel (x, y) is shown at (ax + cy, bx + dy).
// Quarter turns and mirrors, as ffmpeg's autorotate has them; other angles to the nearest of these.
int orientation_of(const std::array<std::int32_t, 9>& matrix);

// The picture upright; anything but 2 to 8 leaves it as it is.
RgbImage upright(RgbImage image, int orientation);

}  // namespace g4::decode
