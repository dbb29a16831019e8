// Test support: the video of python/reference/toy_video.py, as bytes.
#pragma once

#include <cstdint>
#include <vector>

namespace g4::test {

// [height, width, R G B]: a square and a disc that wander over slopes that drift.
inline std::vector<std::uint8_t> video_frame(int index, int width, int height) {
  const int side = height / 3, radius = height / 5;
  const int left = index * 7 % (width - side), top = index * 4 % (height - side);
  const int across = width - 1 - index * 5 % width;
  const int down = height / 2 + index * 3 % (height / 2);
  const int square[] = {250, 40, 20 + index}, disc[] = {10, 60 + index * 2, 240};
  std::vector<std::uint8_t> rgb;
  rgb.reserve(std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      const bool in_square = x >= left && x < left + side && y >= top && y < top + side;
      const bool in_disc = (x - across) * (x - across) + (y - down) * (y - down) < radius * radius;
      for (int c = 0; c < 3; ++c) {
        const int slope = x * (c + 1) + y * (3 - c) + index * 5;
        rgb.push_back(static_cast<std::uint8_t>(in_disc ? disc[c] : in_square ? square[c] : slope));
      }
    }
  }
  return rgb;
}

}  // namespace g4::test
