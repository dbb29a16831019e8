// f16.h against the definition of the formats, over all 65536 bit patterns and their midpoints.
#include "base/f16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace g4 {
namespace {

// The value of a 16-bit float with the given field widths, by the formula of IEEE 754.
double defined_value(std::uint32_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const int fraction = static_cast<int>(bits) & ((1 << fraction_bits) - 1);
  const double sign = (bits & 0x8000u) ? -1.0 : 1.0;
  if (exponent == (1 << exponent_bits) - 1)
    return fraction ? std::numeric_limits<double>::quiet_NaN()
                    : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(fraction, 1 - bias - fraction_bits);
  return sign * std::ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

struct Format {
  const char* name;
  int exponent_bits, fraction_bits;
  float (*to_f32)(std::uint16_t);
  std::uint16_t (*from_f32)(float);
};

class F16 : public testing::TestWithParam<Format> {};

TEST_P(F16, EveryPatternHasItsDefinedValueAndComesBack) {
  const Format& f = GetParam();
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const float value = f.to_f32(static_cast<std::uint16_t>(bits));
    const double expected = defined_value(bits, f.exponent_bits, f.fraction_bits);
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(value)) << bits;
      const std::uint16_t back = f.from_f32(value);
      ASSERT_TRUE(std::isnan(f.to_f32(back))) << bits;
      ASSERT_EQ(back & 0x8000u, bits & 0x8000u) << bits;
      continue;
    }
    ASSERT_EQ(static_cast<double>(value), expected) << bits;
    ASSERT_EQ(std::signbit(value), (bits & 0x8000u) != 0) << bits;
    ASSERT_EQ(f.from_f32(value), bits);
  }
}

TEST_P(F16, BetweenNeighboursRoundsToNearestTiesToEven) {
  const Format& f = GetParam();
  const std::uint32_t infinity = ((1u << f.exponent_bits) - 1) << f.fraction_bits;
  for (std::uint32_t low = 0; low < infinity; ++low) {
    // Past the largest finite value the next step of the grid counts as infinity.
    const double a = defined_value(low, f.exponent_bits, f.fraction_bits);
    const double previous = low ? defined_value(low - 1, f.exponent_bits, f.fraction_bits) : 0;
    const double b = low + 1 == infinity ? a + (a - previous)
                                         : defined_value(low + 1, f.exponent_bits, f.fraction_bits);
    const float middle = static_cast<float>((a + b) / 2);
    if (static_cast<double>(middle) != (a + b) / 2) continue;  // below float's own subnormals
    const std::uint32_t even = low + (low & 1u);
    const float below = std::nextafterf(middle, 0.0f);
    const float above = std::nextafterf(middle, std::numeric_limits<float>::infinity());
    ASSERT_EQ(f.from_f32(middle), even) << low;
    ASSERT_EQ(f.from_f32(below), low);
    ASSERT_EQ(f.from_f32(above), low + 1);
    ASSERT_EQ(f.from_f32(-middle), even | 0x8000u) << low;
    ASSERT_EQ(f.from_f32(-below), low | 0x8000u);
    ASSERT_EQ(f.from_f32(-above), (low + 1) | 0x8000u);
  }
}

TEST_P(F16, LargeValuesAndNanPayloads) {
  const Format& f = GetParam();
  const auto infinity =
      static_cast<std::uint16_t>(((1u << f.exponent_bits) - 1) << f.fraction_bits);
  EXPECT_EQ(f.from_f32(std::numeric_limits<float>::max()), infinity);
  EXPECT_EQ(f.from_f32(std::numeric_limits<float>::infinity()), infinity);
  // A NaN whose payload lives only in the low bits must not become infinity.
  const float low_payload = std::bit_cast<float>(0x7f800001u);
  EXPECT_TRUE(std::isnan(f.to_f32(f.from_f32(low_payload))));
  EXPECT_EQ(f.from_f32(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(f.from_f32(-std::numeric_limits<float>::denorm_min()), 0x8000);
}

INSTANTIATE_TEST_SUITE_P(Formats, F16,
                         testing::Values(Format{"f16", 5, 10, f16_to_f32, f32_to_f16},
                                         Format{"bf16", 8, 7, bf16_to_f32, f32_to_bf16}),
                         [](const auto& param) { return std::string(param.param.name); });

}  // namespace
}  // namespace g4
