#include "decode/png_chunks.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

namespace g4::decode {
namespace {

constexpr std::size_t kSignatureBytes = 8;
constexpr std::size_t kAroundBytes =
    12;  // of a chunk: length and name before its data, a sum after

std::uint32_t length_at(std::span<const std::byte> png, std::size_t at) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < 4; ++i)
    length = length << 8 | std::to_integer<std::uint32_t>(png[at + i]);
  return length;
}

bool makes_the_picture(std::string_view name) {
  const bool critical = (name[0] & 0x20) == 0;  // a capital letter
  return critical || name == "tRNS" || name == "eXIf";
}

}  // namespace

std::vector<std::byte> picture_chunks(std::span<const std::byte> png) {
  const auto take = [&](std::size_t from, std::size_t bytes) { return png.subspan(from, bytes); };
  std::vector<std::byte> kept;
  const auto keep = [&](std::span<const std::byte> part) {
    kept.insert(kept.end(), part.begin(), part.end());
  };
  keep(take(0, std::min(png.size(), kSignatureBytes)));
  std::size_t at = kSignatureBytes;
  while (at + kAroundBytes <= png.size()) {
    const std::size_t bytes = kAroundBytes + length_at(png, at);
    const std::string_view name(reinterpret_cast<const char*>(png.data()) + at + 4, 4);
    const std::size_t left = png.size() - at;
    if (bytes > left && name != "IDAT") break;
    if (makes_the_picture(name)) keep(take(at, std::min(bytes, left)));
    if (bytes > left || name == "IEND") break;
    at += bytes;
  }
  return kept;
}

}  // namespace g4::decode
