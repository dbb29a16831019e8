// The chunks of a PNG that make its picture.
//
// A PNG may carry text, profiles and whatever its maker liked, packed or as large as it says.
// Nothing of that is seen, and libpng would unpack a thousand bombs one after the other, or ask for
// the 2 GB that a length names: it gets none of it.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace g4::decode {

// Sizes, palette, transparency, pixels, orientation, and critical chunks that we do not know; up to
// the end, or to a chunk that the file does not hold whole (of pixels, what there is of them).
std::vector<std::byte> picture_chunks(std::span<const std::byte> png);

}  // namespace g4::decode
