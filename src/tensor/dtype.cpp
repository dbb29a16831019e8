// Types of checkpoint data: sizes, and the plain definition of each as floats.
//
// The order of the float operations is part of the format: built without contraction (room.cmake),
// results are the same bits on every machine.
#include "tensor/dtype.h"

#include <cassert>
#include <cstring>

#include "base/f16.h"
#include "tensor/blocks.h"

namespace g4 {
namespace {

constexpr DTypeTraits kTraits[kDTypeCount] = {
    {"F32", 1, 4},
    {"F16", 1, 2},
    {"BF16", 1, 2},
    {"Q8_0", kSmallBlock, sizeof(BlockQ8_0)},
    {"Q4_0", kSmallBlock, sizeof(BlockQ4_0)},
    {"Q4_1", kSmallBlock, sizeof(BlockQ4_1)},
    {"Q5_0", kSmallBlock, sizeof(BlockQ5_0)},
    {"Q5_1", kSmallBlock, sizeof(BlockQ5_1)},
    {"Q4_K", kSuperBlock, sizeof(BlockQ4_K)},
    {"Q5_K", kSuperBlock, sizeof(BlockQ5_K)},
    {"Q6_K", kSuperBlock, sizeof(BlockQ6_K)},
    {"IQ4_NL", kSmallBlock, sizeof(BlockIQ4_NL)},
    {"IQ4_XS", kSuperBlock, sizeof(BlockIQ4_XS)},
};

int low(std::uint8_t byte) { return byte & 15; }
int high(std::uint8_t byte) { return byte >> 4; }

// Bit 4 of value j, from a 32-bit mask.
int bit4(const std::uint8_t (&mask)[4], int j) { return ((mask[j / 8] >> (j % 8)) & 1) << 4; }

void decode(const BlockQ8_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int j = 0; j < 32; ++j) out[j] = static_cast<float>(block.q[j]) * d;
}

void decode(const BlockQ4_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(low(block.q4[j]) - 8) * d;
    out[j + 16] = static_cast<float>(high(block.q4[j]) - 8) * d;
  }
}

void decode(const BlockQ4_1& block, float* out) {
  const float d = f16_to_f32(block.d), m = f16_to_f32(block.m);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(low(block.q4[j])) * d + m;
    out[j + 16] = static_cast<float>(high(block.q4[j])) * d + m;
  }
}

void decode(const BlockQ5_0& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>((low(block.q4[j]) | bit4(block.high_bits, j)) - 16) * d;
    out[j + 16] = static_cast<float>((high(block.q4[j]) | bit4(block.high_bits, j + 16)) - 16) * d;
  }
}

void decode(const BlockQ5_1& block, float* out) {
  const float d = f16_to_f32(block.d), m = f16_to_f32(block.m);
  for (int j = 0; j < 16; ++j) {
    out[j] = static_cast<float>(low(block.q4[j]) | bit4(block.high_bits, j)) * d + m;
    out[j + 16] = static_cast<float>(high(block.q4[j]) | bit4(block.high_bits, j + 16)) * d + m;
  }
}

void decode(const BlockQ4_K& block, float* out) {
  const float d = f16_to_f32(block.d), d_min = f16_to_f32(block.d_min);
  for (int group = 0; group < 8; ++group) {
    const GroupScale packed = group_scale(block.scales, group);
    const float scale = d * static_cast<float>(packed.scale);
    const float minimum = d_min * static_cast<float>(packed.minimum);
    const std::uint8_t* q4 = block.q4 + 32 * (group / 2);
    for (int j = 0; j < 32; ++j) {
      const int q = group % 2 ? high(q4[j]) : low(q4[j]);
      out[32 * group + j] = scale * static_cast<float>(q) - minimum;
    }
  }
}

void decode(const BlockQ5_K& block, float* out) {
  const float d = f16_to_f32(block.d), d_min = f16_to_f32(block.d_min);
  for (int group = 0; group < 8; ++group) {
    const GroupScale packed = group_scale(block.scales, group);
    const float scale = d * static_cast<float>(packed.scale);
    const float minimum = d_min * static_cast<float>(packed.minimum);
    const std::uint8_t* q4 = block.q4 + 32 * (group / 2);
    for (int j = 0; j < 32; ++j) {
      const int nibble = group % 2 ? high(q4[j]) : low(q4[j]);
      const int q = nibble | (((block.high_bits[j] >> group) & 1) << 4);
      out[32 * group + j] = scale * static_cast<float>(q) - minimum;
    }
  }
}

void decode(const BlockQ6_K& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int run = 0; run < 8; ++run) {  // 32 values; four runs in each half
    const int half = run / 4, r = run % 4;
    const std::uint8_t* q4 = block.q4 + 64 * half + 32 * (r & 1);
    const std::uint8_t* high_bits = block.high_bits + 32 * half;
    for (int j = 0; j < 32; ++j) {
      const int nibble = r < 2 ? low(q4[j]) : high(q4[j]);
      const int q = (nibble | (((high_bits[j] >> (2 * r)) & 3) << 4)) - 32;
      const float scale = d * static_cast<float>(block.scales[2 * run + j / 16]);
      out[32 * run + j] = scale * static_cast<float>(q);
    }
  }
}

void decode(const BlockIQ4_NL& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int j = 0; j < 16; ++j) {
    out[j] = d * static_cast<float>(kIQ4Values[low(block.q4[j])]);
    out[j + 16] = d * static_cast<float>(kIQ4Values[high(block.q4[j])]);
  }
}

void decode(const BlockIQ4_XS& block, float* out) {
  const float d = f16_to_f32(block.d);
  for (int group = 0; group < 8; ++group) {
    const std::uint8_t packed = block.scales_low[group / 2];
    const int low4 = group % 2 ? high(packed) : low(packed);
    const int high2 = (block.scales_high >> (2 * group)) & 3;
    const float scale = d * static_cast<float>((low4 | (high2 << 4)) - 32);
    const std::uint8_t* q4 = block.q4 + 16 * group;
    for (int j = 0; j < 16; ++j) {
      out[32 * group + j] = scale * static_cast<float>(kIQ4Values[low(q4[j])]);
      out[32 * group + j + 16] = scale * static_cast<float>(kIQ4Values[high(q4[j])]);
    }
  }
}

// Rows may lie at any address: each block is copied out before it is read.
template <class Block>
void decode_row(const std::byte* row, float* out, std::uint64_t elements, std::uint32_t values) {
  for (std::uint64_t i = 0; i < elements; i += values, row += sizeof(Block)) {
    Block block;
    std::memcpy(&block, row, sizeof block);
    decode(block, out + i);
  }
}

void decode_16_bit(const std::byte* row, float* out, std::uint64_t elements,
                   float (*to_f32)(std::uint16_t)) {
  for (std::uint64_t i = 0; i < elements; ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, row + 2 * i, sizeof bits);
    out[i] = to_f32(bits);
  }
}

}  // namespace

const DTypeTraits& traits(DType dtype) {
  const auto index = static_cast<std::size_t>(dtype);
  assert(index < kDTypeCount);
  return kTraits[index];
}

std::optional<std::uint64_t> byte_size(DType dtype, std::uint64_t elements) {
  const DTypeTraits& t = traits(dtype);
  if (elements % t.block_elements != 0) return std::nullopt;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(elements / t.block_elements, std::uint64_t{t.block_bytes}, &bytes))
    return std::nullopt;
  return bytes;
}

void dequantise(DType dtype, const void* row, float* out, std::uint64_t elements) {
  assert(elements % traits(dtype).block_elements == 0);
  const auto* bytes = static_cast<const std::byte*>(row);
  switch (dtype) {
    case DType::kF32:
      if (elements != 0) std::memcpy(out, bytes, elements * sizeof(float));
      return;
    case DType::kF16:
      return decode_16_bit(bytes, out, elements, f16_to_f32);
    case DType::kBF16:
      return decode_16_bit(bytes, out, elements, bf16_to_f32);
    case DType::kQ8_0:
      return decode_row<BlockQ8_0>(bytes, out, elements, kSmallBlock);
    case DType::kQ4_0:
      return decode_row<BlockQ4_0>(bytes, out, elements, kSmallBlock);
    case DType::kQ4_1:
      return decode_row<BlockQ4_1>(bytes, out, elements, kSmallBlock);
    case DType::kQ5_0:
      return decode_row<BlockQ5_0>(bytes, out, elements, kSmallBlock);
    case DType::kQ5_1:
      return decode_row<BlockQ5_1>(bytes, out, elements, kSmallBlock);
    case DType::kQ4_K:
      return decode_row<BlockQ4_K>(bytes, out, elements, kSuperBlock);
    case DType::kQ5_K:
      return decode_row<BlockQ5_K>(bytes, out, elements, kSuperBlock);
    case DType::kQ6_K:
      return decode_row<BlockQ6_K>(bytes, out, elements, kSuperBlock);
    case DType::kIQ4_NL:
      return decode_row<BlockIQ4_NL>(bytes, out, elements, kSmallBlock);
    case DType::kIQ4_XS:
      return decode_row<BlockIQ4_XS>(bytes, out, elements, kSuperBlock);
  }
  assert(false);
}

}  // namespace g4
