// How many soft tokens an image may cost, and the size it is resized to for that.
//
// The size is the one that transformers' Gemma 4 processor computes: the largest of the same shape
// (as nearly as whole cells of 48 pixels allow) that the budget holds. Small images grow: there is
// no "only shrink" rule. One cell of 48 x 48 pixels, nine patches, becomes one soft token.
#pragma once

#include <array>
#include <cstdint>

#include "base/result.h"
#include "media/image.h"

namespace g4 {

inline constexpr std::int32_t kPatchSide = 16;             // pixels
inline constexpr std::int32_t kCellSide = 3 * kPatchSide;  // pixels; pooled to one soft token

enum class ImageBudget : std::int32_t {
  kAuto = 0,  // the smallest that does not shrink the image; the largest if all do
  k70 = 70,
  k140 = 140,
  k280 = 280,
  k560 = 560,
  k1120 = 1120,
};
// Without kAuto, smallest first.
inline constexpr std::array kImageBudgets{ImageBudget::k70, ImageBudget::k140, ImageBudget::k280,
                                          ImageBudget::k560, ImageBudget::k1120};

// A budget as a client writes it; the model knows no others.
Result<ImageBudget> image_budget(std::int64_t soft_tokens);

struct ImagePlan {
  ImageBudget budget = ImageBudget::kAuto;  // the one used: never kAuto
  ImageSize resized;                        // sides are multiples of kCellSide
  std::int32_t soft_tokens = 0;             // at most the budget
  bool shrunk = false;                      // a side became shorter: detail was lost
};

// Fails for a size that check_image_size() refuses.
Result<ImagePlan> plan_image(ImageSize size, ImageBudget budget);

}  // namespace g4
