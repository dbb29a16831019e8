// Values of multipleOf, and what they come to together.
#pragma once

#include <cstdint>
#include <optional>

namespace g4::grammar {

// 0.25 is 25 of the second place behind the point.
struct Decimal {
  std::uint64_t digits = 0;
  int places = 0;
};

// Nothing if it has more than nine places, or digits above SchemaLimits::kMultipleMax.
std::optional<Decimal> decimal(double value);

// The least common multiple of all decimals added, in units of the last place of any of them.
class CommonMultiple {
 public:
  void add(Decimal value);
  bool is_small() const;  // at most SchemaLimits::kMultipleMax

 private:
  std::uint64_t common_ = 1;
  int places_ = 0;
};

}  // namespace g4::grammar
