// Test support: the pictures of python/reference/make_image_goldens.py, and what it says of them.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "media/image.h"

namespace g4::test {

inline std::uint8_t noise_byte(std::uint32_t v) {
  v ^= v >> 16;
  v *= 0x7FEB352Du;
  v ^= v >> 15;
  v *= 0x846CA68Bu;
  return static_cast<std::uint8_t>(v >> 24);
}

inline RgbImage picture(std::string_view style, ImageSize size, std::uint32_t seed) {
  RgbImage image{size.width, size.height, {}};
  image.rgb.resize(static_cast<std::size_t>(size.pixels()) * 3);
  std::uint8_t* out = image.rgb.data();
  std::uint32_t noise = seed * 0x9E3779B9u;
  const auto width = static_cast<std::uint32_t>(size.width);
  const auto height = static_cast<std::uint32_t>(size.height);
  for (std::uint32_t y = 0; y < height; ++y) {
    for (std::uint32_t i = 0; i < 3 * width; ++i) {
      const std::uint32_t x = i / 3, c = i % 3;
      if (style == "slopes") {
        *out++ = static_cast<std::uint8_t>(x * 5 + y * 3 + c * 64 + seed);
      } else if (style == "bars") {
        *out++ = (x / 3 + y / 5 + c + seed) % 2 == 1 ? 255 : 0;
      } else {
        *out++ = noise_byte(noise++);
      }
    }
  }
  return image;
}

inline std::uint32_t crc32(const void* data, std::size_t size) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      entries[i] = i;
      for (int bit = 0; bit < 8; ++bit)
        entries[i] = (entries[i] >> 1) ^ (0xEDB88320u & (0u - (entries[i] & 1u)));
    }
    return entries;
  }();
  std::uint32_t crc = ~0u;
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  for (std::size_t i = 0; i < size; ++i) crc = table[(crc ^ bytes[i]) & 255] ^ (crc >> 8);
  return ~crc;
}

inline std::string read_golden(const std::string& name) {
  std::ifstream file(std::string(G4_SOURCE_DIR "/tests/golden/media/") + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

inline boost::json::array golden_cases(const std::string& name) {
  const boost::json::value json = boost::json::parse(read_golden(name));
  const boost::json::array& cases = json.at("cases").as_array();
  EXPECT_FALSE(cases.empty());
  return cases;
}

inline ImageSize size_of(const boost::json::value& pair) {
  return {pair.at(0).to_number<std::int32_t>(), pair.at(1).to_number<std::int32_t>()};
}

}  // namespace g4::test
