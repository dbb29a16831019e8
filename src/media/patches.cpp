#include "media/patches.h"

#include <array>
#include <cassert>

#include "media/resize.h"

namespace g4 {
namespace {

// The processor multiplies by 1/255 in double and then rounds to float. The same product in float
// would differ for 126 of the 256 values.
std::array<float, 256> pixel_values() {
  std::array<float, 256> values;
  for (int v = 0; v < 256; ++v)
    values[static_cast<std::size_t>(v)] = static_cast<float>(v * (1.0 / 255));
  return values;
}

}  // namespace

ImagePatches cut_patches(const RgbImage& image) {
  assert(image.width % kPatchSide == 0 && image.height % kPatchSide == 0);
  static const std::array<float, 256> value_of = pixel_values();
  const std::int32_t columns = image.width / kPatchSide;
  const std::int32_t rows = image.height / kPatchSide;
  ImagePatches patches;
  patches.values.resize(image.rgb.size());
  patches.positions.reserve(image.rgb.size() / kPatchValues);
  float* out = patches.values.data();
  for (std::int32_t y = 0; y < rows; ++y) {
    for (std::int32_t x = 0; x < columns; ++x) {
      patches.positions.push_back({x, y});
      for (std::int32_t line = 0; line < kPatchSide; ++line) {
        const std::uint8_t* in =
            image.row(y * kPatchSide + line) + std::ptrdiff_t{3} * x * kPatchSide;
        for (std::int32_t i = 0; i < 3 * kPatchSide; ++i) *out++ = value_of[in[i]];
      }
    }
  }
  return patches;
}

Result<PreparedImage> prepare_image(const RgbImage& image, ImageBudget budget) {
  const ImagePlan plan = G4_TRY(plan_image(image.size(), budget));
  return PreparedImage{plan, cut_patches(resize_bicubic(image, plan.resized))};
}

}  // namespace g4
