// For the tests of this folder: random matrices and weights, and every backend this machine can
// run.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "base/f16.h"
#include "tensor/dtype.h"

namespace g4::cpu {

// Instruction sets of this machine; a test that none applies to fails.
inline std::vector<std::string> machine_isas() {
  std::vector<std::string> isas;
  for (const char* isa : {"avx2", "avx512"})
    if (make_cpu_backend({.threads = 1, .isa = isa})) isas.push_back(isa);
  return isas;
}

inline std::unique_ptr<Backend> cpu_backend(const std::string& isa, int threads = 2) {
  return make_cpu_backend({.threads = threads, .isa = isa}).value();
}

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  float normal() { return normal_(engine_); }
  std::uint32_t bits() { return static_cast<std::uint32_t>(engine_()); }
  std::vector<float> values(std::int64_t count, float scale = 1) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (float& value : out) value = scale * normal();
    return out;
  }

 private:
  std::mt19937 engine_;
  std::normal_distribution<float> normal_;
};

// Rows of floats of our own, as a Mat.
struct Rows {
  std::vector<float> values;
  std::int64_t rows, cols;
  Rows(std::int64_t r, std::int64_t c)
      : values(static_cast<std::size_t>(r * c)), rows(r), cols(c) {}
  Rows(std::int64_t r, std::int64_t c, Random& random) : Rows(r, c) {
    values = random.values(r * c);
  }
  Mat mat() { return {values.data(), rows, cols}; }
  // Rows [first, first + count), as part of the whole.
  Mat part(std::int64_t first, std::int64_t count) {
    return {values.data() + first * cols, count, cols};
  }
};

// The bytes of a random tensor of a type, with scales near 1/64 where a block has them.
struct RandomTensor {
  DType dtype;
  Shape shape;
  std::int64_t in;
  std::size_t row_bytes;
  std::vector<std::byte> bytes;

  RandomTensor(DType type, Shape s, Random& random)
      : dtype(type),
        shape(s),
        in(static_cast<std::int64_t>(s.back())),
        row_bytes(*byte_size(type, s.back())),
        bytes(*byte_size(type, *s.elements())) {
    const std::size_t block = traits(type).block_bytes;
    for (std::size_t at = 0; at < bytes.size(); at += block) fill(bytes.data() + at, block, random);
  }
  WeightSource source() const {
    return {.name = "random",
            .dtype = dtype,
            .shape = shape,
            .read = [this](std::uint64_t begin, std::size_t count,
                           ReadBuffer&) -> Result<std::span<const std::byte>> {
              if (begin + count > bytes.size()) return Error{"read past the end"};
              return std::span<const std::byte>(bytes).subspan(begin, count);
            }};
  }
  std::vector<float> row(std::int64_t index) const {
    std::vector<float> out(static_cast<std::size_t>(in));
    dequantise(dtype, bytes.data() + static_cast<std::size_t>(index) * row_bytes, out.data(),
               static_cast<std::uint64_t>(in));
    return out;
  }

 private:
  void fill(std::byte* block, std::size_t size, Random& random) const {
    const auto half = [&](std::size_t at, float scale) {
      const std::uint16_t value = f32_to_f16(random.normal() * scale);
      std::memcpy(block + at, &value, 2);
    };
    if (dtype == DType::kF32) {
      const float value = random.normal() / 8;
      std::memcpy(block, &value, 4);
    } else if (dtype == DType::kF16) {
      half(0, 0.125f);
    } else if (dtype == DType::kBF16) {
      const std::uint16_t value = f32_to_bf16(random.normal() / 8);
      std::memcpy(block, &value, 2);
    } else {
      for (std::size_t i = 0; i < size; ++i) block[i] = static_cast<std::byte>(random.bits());
      const bool two = dtype == DType::kQ4_1 || dtype == DType::kQ5_1 || dtype == DType::kQ4_K ||
                       dtype == DType::kQ5_K;
      const bool super = traits(dtype).block_elements == 256;
      half(dtype == DType::kQ6_K ? size - 2 : 0, super ? 1.0f / 1024 : 1.0f / 64);
      if (two) half(2, super ? 1.0f / 1024 : 1.0f / 64);
    }
  }
};

inline std::vector<DType> all_dtypes() {
  std::vector<DType> types;
  for (int i = 0; i < kDTypeCount; ++i) types.push_back(static_cast<DType>(i));
  return types;
}

inline void expect_near(const Rows& got, const Rows& want, double relative,
                        const std::string& what) {
  ASSERT_EQ(got.values.size(), want.values.size());
  for (std::size_t i = 0; i < want.values.size(); ++i)
    ASSERT_NEAR(got.values[i], want.values[i],
                relative * (1 + std::fabs(static_cast<double>(want.values[i]))))
        << what << ", value " << i;
}

}  // namespace g4::cpu
