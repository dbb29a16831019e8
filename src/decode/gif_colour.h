// The colour under the clear pixels of a GIF's first frame.
//
// Pillow drops alpha, so clear pixels show the palette's colour for them, often paper white;
// libvips makes them black, which would hide black writing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace g4::decode {

using Colour = std::array<std::uint8_t, 3>;

// nullopt if the file ends early or names no palette.
std::optional<Colour> gif_clear_colour(std::span<const std::byte> gif);

}  // namespace g4::decode
