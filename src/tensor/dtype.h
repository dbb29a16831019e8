// The element types of published checkpoints, and how many bytes they take.
//
// A quantised type stores a row as blocks of block_elements values in block_bytes bytes; blocks run
// along the last (input) dimension. Layouts: GGUF v3 (tensor/blocks.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace g4 {

enum class DType : std::uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kIQ4_NL,
  kIQ4_XS,
};
inline constexpr int kDTypeCount = 13;

struct DTypeTraits {
  std::string_view name;         // as GGUF tools print it: "Q4_0"
  std::uint32_t block_elements;  // 1 for plain types
  std::uint32_t block_bytes;
};

const DTypeTraits& traits(DType dtype);

inline std::string_view name(DType dtype) { return traits(dtype).name; }
inline bool is_quantised(DType dtype) { return traits(dtype).block_elements > 1; }

// Bytes of `elements` values; nullopt if they are not whole blocks or the product overflows 64
// bits.
std::optional<std::uint64_t> byte_size(DType dtype, std::uint64_t elements);

// out[0..elements) = the row's values in f32. `elements` is a whole number of blocks. This is the
// definition of every format: plain loops, used by loaders, the reference backend and tests.
void dequantise(DType dtype, const void* row, float* out, std::uint64_t elements);

}  // namespace g4
