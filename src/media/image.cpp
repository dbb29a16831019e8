#include "media/image.h"

#include <fmt/format.h>

namespace g4 {

Status check_image_size(ImageSize size) {
  if (size.width < 1 || size.height < 1)
    return Error{fmt::format("an image of {} x {} pixels is empty", size.width, size.height)};
  if (size.width > kImageSideMax || size.height > kImageSideMax || size.pixels() > kImagePixelsMax)
    return Error{
        fmt::format("an image of {} x {} pixels is too large: at most {} a side and {} in all",
                    size.width, size.height, kImageSideMax, kImagePixelsMax)};
  return {};
}

Result<RgbImage> make_image(ImageSize size, std::vector<std::uint8_t> rgb) {
  if (Status status = check_image_size(size); !status) return std::move(status).error();
  const auto bytes = static_cast<std::uint64_t>(size.pixels()) * 3;
  if (rgb.size() != bytes)
    return Error{fmt::format("an image of {} x {} pixels has {} bytes, not {}", size.width,
                             size.height, bytes, rgb.size())};
  return RgbImage{size.width, size.height, std::move(rgb)};
}

}  // namespace g4
