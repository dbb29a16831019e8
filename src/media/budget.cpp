#include "media/budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>

namespace g4 {
namespace {

std::int32_t floor_to_cells(double pixels) {
  return static_cast<std::int32_t>(std::floor(pixels / kCellSide)) * kCellSide;
}

// In doubles and in the order of transformers' get_aspect_ratio_preserving_size: an exact rational
// would differ by a cell where the true side is a multiple of 48. Its two errors cannot happen with
// our budgets: both sides round to 0 only below one cell of area, and the product of the floors
// exceeds the area only if rounding could add a whole cell to it. A side that rounds to 0 leaves
// the other at least the whole budget long, so that case always yields exactly `budget` cells.
ImageSize resized_size(ImageSize size, std::int32_t budget) {
  const std::int64_t area = std::int64_t{budget} * kCellSide * kCellSide;
  const double factor = std::sqrt(static_cast<double>(area) / static_cast<double>(size.pixels()));
  ImageSize resized{floor_to_cells(factor * size.width), floor_to_cells(factor * size.height)};
  assert(resized.width > 0 || resized.height > 0);
  if (resized.height == 0) {
    resized = {std::min(size.width / size.height, budget) * kCellSide, kCellSide};
  } else if (resized.width == 0) {
    resized = {kCellSide, std::min(size.height / size.width, budget) * kCellSide};
  }
  assert(resized.pixels() > 0 && resized.pixels() <= area);
  return resized;
}

ImagePlan plan_for(ImageSize size, ImageBudget budget) {
  const ImageSize resized = resized_size(size, static_cast<std::int32_t>(budget));
  return {.budget = budget,
          .resized = resized,
          .soft_tokens = (resized.width / kCellSide) * (resized.height / kCellSide),
          .shrunk = resized.width < size.width || resized.height < size.height};
}

}  // namespace

Result<ImageBudget> image_budget(std::int64_t soft_tokens) {
  for (const ImageBudget budget : kImageBudgets)
    if (soft_tokens == static_cast<std::int64_t>(budget)) return budget;
  return Error{
      fmt::format("an image may cost 70, 140, 280, 560 or 1120 tokens, not {}", soft_tokens)};
}

Result<ImagePlan> plan_image(ImageSize size, ImageBudget budget) {
  if (Status status = check_image_size(size); !status) return std::move(status).error();
  if (budget != ImageBudget::kAuto) return plan_for(size, budget);
  for (const ImageBudget candidate : kImageBudgets)
    if (const ImagePlan plan = plan_for(size, candidate); !plan.shrunk) return plan;
  return plan_for(size, kImageBudgets.back());
}

}  // namespace g4
