// An image as the vision tower reads it: patches of 16 x 16 pixels, channel fastest, values 0 to 1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "media/budget.h"
#include "media/image.h"

namespace g4 {

inline constexpr std::size_t kPatchValues = std::size_t{kPatchSide} * kPatchSide * 3;

struct PatchPosition {
  std::int32_t x = 0;
  std::int32_t y = 0;
  bool operator==(const PatchPosition&) const = default;
};

struct ImagePatches {
  std::vector<float> values;             // [patches, row in patch, column in patch, R G B]
  std::vector<PatchPosition> positions;  // [patches], row by row
};

// Both sides of the image must be multiples of kPatchSide.
ImagePatches cut_patches(const RgbImage& image);

struct PreparedImage {
  ImagePlan plan;
  ImagePatches patches;  // 9 * plan.soft_tokens of them: no padding
};

// What transformers' Gemma4ImageProcessorPil does to a picture, less its padding.
Result<PreparedImage> prepare_image(const RgbImage& image, ImageBudget budget);

}  // namespace g4
