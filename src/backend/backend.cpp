#include "backend/backend.h"

#include <algorithm>

namespace g4 {

std::uint64_t sliding_visible_end(const BatchSequence& sequence, std::uint64_t position) {
  const auto image =
      std::upper_bound(sequence.images.begin(), sequence.images.end(), position,
                       [](std::uint64_t p, const PositionRange& range) { return p < range.end; });
  const bool inside = image != sequence.images.end() && image->begin <= position;
  return inside ? image->end : position + 1;
}

}  // namespace g4
