#include "decode/gif_colour.h"

namespace g4::decode {
namespace {

constexpr std::size_t kScreenBytes = 13;  // signature and logical screen
constexpr std::uint8_t kExtension = 0x21, kGraphicControl = 0xF9, kImage = 0x2C;

// Reads past the end give zeros and leave `short_` set.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}
  std::uint8_t at(std::size_t i) {
    if (i >= bytes_.size()) short_ = true;
    return short_ ? std::uint8_t{0} : std::to_integer<std::uint8_t>(bytes_[i]);
  }
  bool cut_short() const { return short_; }

 private:
  std::span<const std::byte> bytes_;
  bool short_ = false;
};

std::size_t table_entries(std::uint8_t flags) {
  return (flags & 0x80) ? std::size_t{2} << (flags & 7) : 0;
}

}  // namespace

std::optional<Colour> gif_clear_colour(std::span<const std::byte> gif) {
  Bytes bytes(gif);
  std::size_t entries = table_entries(bytes.at(10));
  std::size_t index = bytes.at(11);  // the background, which fills what the frame leaves free
  std::size_t table = kScreenBytes;
  std::size_t at = kScreenBytes + 3 * entries;
  while (bytes.at(at) == kExtension) {
    if (bytes.at(at + 1) == kGraphicControl && (bytes.at(at + 3) & 1)) index = bytes.at(at + 6);
    at += 2;
    while (const std::size_t length = bytes.at(at)) at += 1 + length;
    ++at;
  }
  if (bytes.at(at) != kImage) return std::nullopt;
  if (const std::size_t local = table_entries(bytes.at(at + 9))) {
    entries = local;
    table = at + 10;
  }
  if (index >= entries) return std::nullopt;
  const std::size_t colour = table + 3 * index;
  const Colour found{bytes.at(colour), bytes.at(colour + 1), bytes.at(colour + 2)};
  if (bytes.cut_short()) return std::nullopt;
  return found;
}

}  // namespace g4::decode
