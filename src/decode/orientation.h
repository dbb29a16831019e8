// EXIF orientation: 1 to 8, as a file's metadata says how its rows lie.
#pragma once

#include "media/image.h"

namespace g4::decode {

// The picture upright; anything but 2 to 8 leaves it as it is.
RgbImage upright(RgbImage image, int orientation);

}  // namespace g4::decode
