// Bicubic resizing with antialias, bit-equal to Pillow 13.0's Image.resize(size, BICUBIC).
//
// Pixels are model input, so Pillow's arithmetic is repeated exactly: weights in double, rounded to
// fixed point with 22 fraction bits, each pass rounded and clamped to 8 bits. Usually rows are
// stretched first; an image that loses more than twice as many rows as columns has its columns done
// first (new in Pillow 13; releases up to 12 differ there by a level or two).
//
// Memory: the result, the weights, and at most the rows that one output row is made of.
#pragma once

#include "media/image.h"

namespace g4 {

// Both sizes must have passed check_image_size().
RgbImage resize_bicubic(const RgbImage& source, ImageSize size);

}  // namespace g4
