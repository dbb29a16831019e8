// Every type against blocks decoded by an independent implementation, bit for bit, and the sizes.
#include "tensor/dtype.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "tensor/shape.h"

namespace g4 {
namespace {

constexpr std::uint64_t kGoldenValues = 2048;

std::vector<char> read_golden(DType dtype) {
  const std::string path =
      std::string(G4_SOURCE_DIR "/tests/golden/tensor/") + std::string(name(dtype)) + ".bin";
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<DType> all_types() {
  std::vector<DType> types;
  for (int i = 0; i < kDTypeCount; ++i) types.push_back(static_cast<DType>(i));
  return types;
}

class DTypes : public testing::TestWithParam<DType> {};

TEST_P(DTypes, DecodesGoldenBlocksToTheSameBits) {
  const DType dtype = GetParam();
  const std::vector<char> golden = read_golden(dtype);
  const std::uint64_t bytes = byte_size(dtype, kGoldenValues).value();
  ASSERT_EQ(golden.size(), bytes + kGoldenValues * sizeof(float))
      << "golden file of " << name(dtype);
  std::vector<float> values(kGoldenValues);
  dequantise(dtype, golden.data(), values.data(), kGoldenValues);
  for (std::uint64_t i = 0; i < kGoldenValues; ++i) {
    std::uint32_t got = 0, expected = 0;
    std::memcpy(&got, &values[i], sizeof got);
    std::memcpy(&expected, golden.data() + bytes + i * sizeof(float), sizeof expected);
    ASSERT_EQ(got, expected) << name(dtype) << " value " << i;
  }
}

TEST_P(DTypes, ReadsAnyAddressAndWritesNothingElse) {
  const DType dtype = GetParam();
  const DTypeTraits& t = traits(dtype);
  const std::vector<char> golden = read_golden(dtype);
  ASSERT_GE(golden.size(), 2 * t.block_bytes);
  const std::uint64_t elements = 2 * t.block_elements;
  std::vector<float> aligned(elements), shifted(elements + 1, 7.5f);
  dequantise(dtype, golden.data(), aligned.data(), elements);
  std::vector<char> odd(2 * t.block_bytes + 1);  // exactly as long as the row, one byte off
  std::memcpy(odd.data() + 1, golden.data(), 2 * t.block_bytes);
  dequantise(dtype, odd.data() + 1, shifted.data(), elements);
  EXPECT_EQ(std::memcmp(aligned.data(), shifted.data(), elements * sizeof(float)), 0);
  EXPECT_EQ(shifted.back(), 7.5f);
  dequantise(dtype, odd.data(), shifted.data() + elements, 0);
  EXPECT_EQ(shifted.back(), 7.5f);
}

TEST_P(DTypes, SizesAreCheckedArithmetic) {
  const DType dtype = GetParam();
  const DTypeTraits& t = traits(dtype);
  EXPECT_EQ(byte_size(dtype, 0), 0u);
  EXPECT_EQ(byte_size(dtype, t.block_elements), t.block_bytes);
  EXPECT_EQ(byte_size(dtype, 1000 * t.block_elements), 1000u * t.block_bytes);
  EXPECT_EQ(is_quantised(dtype), t.block_elements > 1);
  if (t.block_elements > 1) {
    EXPECT_EQ(byte_size(dtype, t.block_elements - 1), std::nullopt);
    EXPECT_EQ(byte_size(dtype, t.block_elements + 1), std::nullopt);
  } else {
    const std::uint64_t most = std::numeric_limits<std::uint64_t>::max() / t.block_bytes;
    EXPECT_EQ(byte_size(dtype, most), most * t.block_bytes);
    EXPECT_EQ(byte_size(dtype, most + 1), std::nullopt);
  }
}

INSTANTIATE_TEST_SUITE_P(All, DTypes, testing::ValuesIn(all_types()),
                         [](const auto& type) { return std::string(name(type.param)); });

TEST(DType, BitsPerWeightAreThoseOfThePublishedFormats) {
  const auto bits = [](DType dtype) {
    return 8.0 * traits(dtype).block_bytes / traits(dtype).block_elements;
  };
  EXPECT_EQ(bits(DType::kQ8_0), 8.5);
  EXPECT_EQ(bits(DType::kQ4_0), 4.5);
  EXPECT_EQ(bits(DType::kQ4_1), 5.0);
  EXPECT_EQ(bits(DType::kQ5_0), 5.5);
  EXPECT_EQ(bits(DType::kQ5_1), 6.0);
  EXPECT_EQ(bits(DType::kQ4_K), 4.5);
  EXPECT_EQ(bits(DType::kQ5_K), 5.5);
  EXPECT_EQ(bits(DType::kQ6_K), 6.5625);
  EXPECT_EQ(bits(DType::kIQ4_NL), 4.5);
  EXPECT_EQ(bits(DType::kIQ4_XS), 4.25);
}

TEST(Shape, ProductIsChecked) {
  EXPECT_EQ(Shape().elements(), 1u);
  EXPECT_EQ((Shape{3, 5, 7}).elements(), 105u);
  EXPECT_EQ((Shape{1ull << 32, 1ull << 32}).elements(), std::nullopt);
  EXPECT_EQ((Shape{1ull << 32, (1ull << 32) - 1}).elements(), ((1ull << 32) - 1) << 32);
  EXPECT_EQ((Shape{2816, 4096}).to_string(), "[2816, 4096]");
  EXPECT_EQ((Shape{2816, 4096}).back(), 4096u);
  EXPECT_FALSE((Shape{2, 3}) == (Shape{3, 2}));
}

}  // namespace
}  // namespace g4
