// Width, height and budget from the input: a size is refused or the plan holds to what budget.h
// says, checked in exact integers where the code computes in doubles.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "media/budget.h"

namespace {

using g4::ImageBudget;
using g4::ImagePlan;
using g4::ImageSize;
using g4::kCellSide;

void require(bool holds) {
  if (!holds) std::abort();
}

// Whether `cells` cells are at most as long as the ideal side of an image, `side` by `other` pixels
// and resized to an area of `budget` cells: (48 cells)^2 <= budget 48^2 side / other.
bool fits(std::int64_t cells, std::int64_t side, std::int64_t other, std::int64_t budget) {
  return cells * cells * other <= budget * side;
}

// Doubles may miss by a rounding where the ideal side is a whole number of cells, not otherwise.
void check_side(std::int64_t cells, std::int64_t side, std::int64_t other, std::int64_t budget) {
  const bool exact =
      cells * cells * other == budget * side || (cells + 1) * (cells + 1) * other == budget * side;
  require(exact || fits(cells, side, other, budget));
  require(exact || !fits(cells + 1, side, other, budget));
}

void check_plan(ImageSize size, const ImagePlan& plan) {
  const auto budget = static_cast<std::int64_t>(plan.budget);
  const ImageSize to = plan.resized;
  require(to.width > 0 && to.width % kCellSide == 0);
  require(to.height > 0 && to.height % kCellSide == 0);
  require(bool(check_image_size(to)));
  const std::int64_t columns = to.width / kCellSide, rows = to.height / kCellSide;
  require(columns * rows == plan.soft_tokens && plan.soft_tokens <= budget);
  require(plan.shrunk == (to.width < size.width || to.height < size.height));
  // Too long and thin for a whole cell across: one cell across, and the whole budget long.
  if (!fits(1, size.height, size.width, budget)) return require(rows == 1 && columns == budget);
  if (!fits(1, size.width, size.height, budget)) return require(columns == 1 && rows == budget);
  check_side(columns, size.width, size.height, budget);
  check_side(rows, size.height, size.width, budget);
}

void check_auto(ImageSize size) {
  const ImagePlan chosen = *plan_image(size, ImageBudget::kAuto);
  check_plan(size, chosen);
  for (const ImageBudget budget : g4::kImageBudgets) {
    const ImagePlan plan = *plan_image(size, budget);
    check_plan(size, plan);
    require(plan.budget == budget);
    if (budget < chosen.budget) require(plan.shrunk);
    if (budget > chosen.budget) require(!plan.shrunk);  // a larger budget never loses more
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::int64_t budget = 0;
  ImageSize image;
  if (size < sizeof image.width + sizeof image.height + sizeof budget) return 0;
  std::memcpy(&image.width, data, 4);
  std::memcpy(&image.height, data + 4, 4);
  std::memcpy(&budget, data + 8, 8);
  if (const auto known = g4::image_budget(budget))
    require(static_cast<std::int64_t>(*known) == budget && *known != ImageBudget::kAuto);
  // Any size as given, and one within the limits made of the same bits.
  const ImageSize within{image.width & 0x1FFF, image.height & 0x1FFF};
  for (const ImageSize tried : {image, within}) {
    if (g4::check_image_size(tried)) {
      check_auto(tried);
    } else {
      require(!g4::plan_image(tried, ImageBudget::kAuto));
      require(!g4::plan_image(tried, ImageBudget::k280));
    }
  }
  return 0;
}
