// One Layout for each block type, pack beside its inverse, so that a reader can check one against
// the other; the kernels of isa/matmul.inl read the same layouts.
#include "backend/cpu/tile.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "backend/cpu/kernels.h"
#include "tensor/blocks.h"

namespace g4::cpu {
namespace {

constexpr std::size_t kRows = kTileRows;

// Places of row r of a tile: byte group i (4 consecutive k) of a block's values is at 64 i + 4 r.
std::byte* group(std::byte* quants, int i, int row) { return quants + 64 * i + 4 * row; }

// The 16 bytes of 32 nibbles, byte j = value j and value j + 16.
void pack_nibbles(const std::uint8_t* q4, int row, std::byte* quants) {
  for (int i = 0; i < 4; ++i) std::memcpy(group(quants, i, row), q4 + 4 * i, 4);
}
void unpack_nibbles(const std::byte* quants, int row, std::uint8_t* q4) {
  for (int i = 0; i < 4; ++i) std::memcpy(q4 + 4 * i, quants + 64 * i + 4 * row, 4);
}

// Bit j of a mask of 32 = value j; in a tile bit v of byte 4 r + i is value 4 v + i.
void pack_fifth_bits(std::uint32_t mask, int row, std::byte* quants) {
  std::uint32_t out = 0;
  for (int v = 0; v < 8; ++v)  // the product moves bit i of four to byte i
    out |= ((((mask >> (4 * v)) & 15u) * 0x00204081u) & 0x01010101u) << v;
  std::memcpy(quants + 4 * row, &out, 4);
}
std::uint32_t unpack_fifth_bits(const std::byte* quants, int row) {
  std::uint8_t in[4];
  std::memcpy(in, quants + 4 * row, 4);
  std::uint32_t mask = 0;
  for (int j = 0; j < 32; ++j) mask |= ((in[j % 4] >> (j / 4)) & 1u) << j;
  return mask;
}

// Sixteen values of 16 bits or of 8 bits side by side, one a row.
void put_half(std::byte* meta, int row, std::uint16_t value) {
  std::memcpy(meta + 2 * row, &value, 2);
}
std::uint16_t half_at(const std::byte* meta, int row) {
  std::uint16_t value;
  std::memcpy(&value, meta + 2 * row, 2);
  return value;
}

template <class Block>
struct Layout;  // kMeta: bytes of scales; kQuants: bytes of 32 k; kRun: blocks of 32 k

template <>
struct Layout<BlockQ8_0> {
  static constexpr std::size_t kMeta = 32, kQuants = 512;
  static constexpr int kRun = 1;
  static void pack(const BlockQ8_0& block, int row, std::byte* meta, std::byte* quants) {
    put_half(meta, row, block.d);
    for (int i = 0; i < 8; ++i) std::memcpy(group(quants, i, row), block.q + 4 * i, 4);
  }
  static void unpack(BlockQ8_0& block, int row, const std::byte* meta, const std::byte* quants) {
    block.d = half_at(meta, row);
    for (int i = 0; i < 8; ++i) std::memcpy(block.q + 4 * i, quants + 64 * i + 4 * row, 4);
  }
};

template <class Block>
struct NibbleLayout {  // Q4_0, IQ4_NL
  static constexpr std::size_t kMeta = 32, kQuants = 256;
  static constexpr int kRun = 1;
  static void pack(const Block& block, int row, std::byte* meta, std::byte* quants) {
    put_half(meta, row, block.d);
    pack_nibbles(block.q4, row, quants);
  }
  static void unpack(Block& block, int row, const std::byte* meta, const std::byte* quants) {
    block.d = half_at(meta, row);
    unpack_nibbles(quants, row, block.q4);
  }
};
template <>
struct Layout<BlockQ4_0> : NibbleLayout<BlockQ4_0> {};
template <>
struct Layout<BlockIQ4_NL> : NibbleLayout<BlockIQ4_NL> {};

template <>
struct Layout<BlockQ4_1> {
  static constexpr std::size_t kMeta = 64, kQuants = 256;
  static constexpr int kRun = 1;
  static void pack(const BlockQ4_1& block, int row, std::byte* meta, std::byte* quants) {
    put_half(meta, row, block.d);
    put_half(meta + 32, row, block.m);
    pack_nibbles(block.q4, row, quants);
  }
  static void unpack(BlockQ4_1& block, int row, const std::byte* meta, const std::byte* quants) {
    block.d = half_at(meta, row);
    block.m = half_at(meta + 32, row);
    unpack_nibbles(quants, row, block.q4);
  }
};

template <class Block, class Four>  // Q5_0 and Q5_1: their four-bit brother and a fifth bit
struct FiveBitLayout {
  static constexpr std::size_t kMeta = Layout<Four>::kMeta, kQuants = 320;
  static constexpr int kRun = 1;
  static void pack(const Block& block, int row, std::byte* meta, std::byte* quants) {
    put_half(meta, row, block.d);
    if constexpr (kMeta == 64) put_half(meta + 32, row, block.m);
    pack_nibbles(block.q4, row, quants);
    std::uint32_t mask;
    std::memcpy(&mask, block.high_bits, 4);
    pack_fifth_bits(mask, row, quants + 256);
  }
  static void unpack(Block& block, int row, const std::byte* meta, const std::byte* quants) {
    block.d = half_at(meta, row);
    if constexpr (kMeta == 64) block.m = half_at(meta + 32, row);
    unpack_nibbles(quants, row, block.q4);
    const std::uint32_t mask = unpack_fifth_bits(quants + 256, row);
    std::memcpy(block.high_bits, &mask, 4);
  }
};
template <>
struct Layout<BlockQ5_0> : FiveBitLayout<BlockQ5_0, BlockQ4_0> {};
template <>
struct Layout<BlockQ5_1> : FiveBitLayout<BlockQ5_1, BlockQ4_1> {};

// Groups 2i (low nibbles) and 2i + 1 (high) share 32 bytes in the file; in a tile each group has 16
// bytes of its own.
void split_groups(const std::uint8_t* q4, std::uint8_t* even, std::uint8_t* odd) {
  for (int j = 0; j < 16; ++j) {
    even[j] = static_cast<std::uint8_t>((q4[j] & 15) | (q4[j + 16] << 4));
    odd[j] = static_cast<std::uint8_t>((q4[j] >> 4) | (q4[j + 16] & 0xf0));
  }
}
void join_groups(const std::uint8_t* even, const std::uint8_t* odd, std::uint8_t* q4) {
  for (int j = 0; j < 16; ++j) {
    q4[j] = static_cast<std::uint8_t>((even[j] & 15) | (odd[j] << 4));
    q4[j + 16] = static_cast<std::uint8_t>((even[j] >> 4) | (odd[j] & 0xf0));
  }
}

void set_group_scale(std::uint8_t* packed, int g, GroupScale value) {
  const auto merge = [](std::uint8_t& byte, int bits) {
    byte = static_cast<std::uint8_t>(byte | bits);
  };
  if (g < 4) {
    merge(packed[g], value.scale & 63);
    merge(packed[g + 4], value.minimum & 63);
  } else {
    merge(packed[g + 4], (value.scale & 15) | ((value.minimum & 15) << 4));
    merge(packed[g - 4], (value.scale >> 4) << 6);
    merge(packed[g], (value.minimum >> 4) << 6);
  }
}

template <class Block, bool kFive>
struct GroupedLayout {  // Q4_K, Q5_K: d, d_min, 8 x 16 scales, 8 x 16 minima
  static constexpr std::size_t kMeta = 320, kQuants = kFive ? 320 : 256;
  static constexpr int kRun = 8;
  static void pack(const Block& block, int row, std::byte* meta, std::byte* quants) {
    put_half(meta, row, block.d);
    put_half(meta + 32, row, block.d_min);
    for (int g = 0; g < 8; ++g) {
      const GroupScale value = group_scale(block.scales, g);
      meta[64 + 16 * g + row] = std::byte{value.scale};
      meta[192 + 16 * g + row] = std::byte{value.minimum};
    }
    for (int pair = 0; pair < 4; ++pair) {
      std::uint8_t even[16], odd[16];
      split_groups(block.q4 + 32 * pair, even, odd);
      pack_nibbles(even, row, quants + 2 * static_cast<std::size_t>(pair) * kQuants);
      pack_nibbles(odd, row, quants + (2 * static_cast<std::size_t>(pair) + 1) * kQuants);
    }
    if constexpr (kFive) pack_high(block, row, quants);
  }
  static void pack_high(const Block& block, int row, std::byte* quants) {
    std::uint32_t words[8];
    std::memcpy(words, block.high_bits, 32);
    for (int g = 0; g < 8; ++g) {
      std::uint32_t out = 0;
      for (int v = 0; v < 8; ++v) out |= ((words[v] >> g) & 0x01010101u) << v;
      std::memcpy(quants + static_cast<std::size_t>(g) * kQuants + 256 + 4 * row, &out, 4);
    }
  }
  static void unpack(Block& block, int row, const std::byte* meta, const std::byte* quants) {
    block.d = half_at(meta, row);
    block.d_min = half_at(meta + 32, row);
    for (int g = 0; g < 8; ++g)
      set_group_scale(block.scales, g,
                      {std::to_integer<std::uint8_t>(meta[64 + 16 * g + row]),
                       std::to_integer<std::uint8_t>(meta[192 + 16 * g + row])});
    for (int pair = 0; pair < 4; ++pair) {
      std::uint8_t even[16], odd[16];
      unpack_nibbles(quants + 2 * static_cast<std::size_t>(pair) * kQuants, row, even);
      unpack_nibbles(quants + (2 * static_cast<std::size_t>(pair) + 1) * kQuants, row, odd);
      join_groups(even, odd, block.q4 + 32 * pair);
    }
    if constexpr (kFive)
      for (int g = 0; g < 8; ++g) {
        const std::uint32_t mask =
            unpack_fifth_bits(quants + static_cast<std::size_t>(g) * kQuants + 256, row);
        for (int j = 0; j < 32; ++j)
          block.high_bits[j] =
              static_cast<std::uint8_t>(block.high_bits[j] | (((mask >> j) & 1u) << g));
      }
  }
};
template <>
struct Layout<BlockQ4_K> : GroupedLayout<BlockQ4_K, false> {};
template <>
struct Layout<BlockQ5_K> : GroupedLayout<BlockQ5_K, true> {};

template <>
struct Layout<BlockQ6_K> {  // d, 16 x 16 scales; 32 k: 256 bytes of nibbles, 128 of high bits
  static constexpr std::size_t kMeta = 288, kQuants = 384;
  static constexpr int kRun = 8;
  static void pack(const BlockQ6_K& block, int row, std::byte* meta, std::byte* quants) {
    put_half(meta, row, block.d);
    for (int i = 0; i < 16; ++i) meta[32 + 16 * i + row] = static_cast<std::byte>(block.scales[i]);
    for (int run = 0; run < 8; ++run, quants += kQuants) {
      const int half = run / 4, r = run % 4, low = r < 2 ? 0 : 4;
      const std::uint8_t* q4 = block.q4 + 64 * half + 32 * (r & 1);
      const std::uint8_t* high = block.high_bits + 32 * half;
      // Words of bytes: value 4 v + i of 16 goes to byte i, bits 2 v.
      std::uint64_t values[4];
      std::uint32_t two[8];
      std::memcpy(values, q4, 32);
      std::memcpy(two, high, 32);
      const std::uint64_t mask = 0x0f0f0f0f0f0f0f0fu;
      std::uint8_t nibbles[16];
      for (std::size_t i = 0; i < 2; ++i) {
        const std::uint64_t both =
            ((values[i] >> low) & mask) | (((values[i + 2] >> low) & mask) << 4);
        std::memcpy(nibbles + 8 * i, &both, 8);
      }
      pack_nibbles(nibbles, row, quants);
      for (int h = 0; h < 2; ++h) {
        std::uint32_t bits = 0;
        for (int v = 0; v < 4; ++v) bits |= ((two[4 * h + v] >> (2 * r)) & 0x03030303u) << (2 * v);
        std::memcpy(quants + 256 + 64 * h + 4 * row, &bits, 4);
      }
    }
  }
  static void unpack(BlockQ6_K& block, int row, const std::byte* meta, const std::byte* quants) {
    block.d = half_at(meta, row);
    for (int i = 0; i < 16; ++i)
      block.scales[i] = std::to_integer<std::int8_t>(meta[32 + 16 * i + row]);
    for (int run = 0; run < 8; ++run, quants += kQuants) {
      const int half = run / 4, r = run % 4, low = r < 2 ? 0 : 4;
      std::uint8_t* q4 = block.q4 + 64 * half + 32 * (r & 1);
      std::uint8_t* high = block.high_bits + 32 * half;
      std::uint8_t nibbles[16], bits[8];
      unpack_nibbles(quants, row, nibbles);
      std::memcpy(bits, quants + 256 + 4 * row, 4);
      std::memcpy(bits + 4, quants + 320 + 4 * row, 4);
      for (int j = 0; j < 16; ++j) {
        q4[j] = static_cast<std::uint8_t>(q4[j] | ((nibbles[j] & 15) << low));
        q4[j + 16] = static_cast<std::uint8_t>(q4[j + 16] | ((nibbles[j] >> 4) << low));
      }
      for (int j = 0; j < 32; ++j) {
        const int two = (bits[4 * (j / 16) + j % 4] >> (2 * (j / 4 % 4))) & 3;
        high[j] = static_cast<std::uint8_t>(high[j] | (two << (2 * r)));
      }
    }
  }
};

template <>
struct Layout<BlockIQ4_XS> {  // d, 8 x 16 scales (less 32, signed)
  static constexpr std::size_t kMeta = 160, kQuants = 256;
  static constexpr int kRun = 8;
  static void pack(const BlockIQ4_XS& block, int row, std::byte* meta, std::byte* quants) {
    put_half(meta, row, block.d);
    for (int g = 0; g < 8; ++g) {
      const int low = (block.scales_low[g / 2] >> (4 * (g % 2))) & 15;
      const int high = (block.scales_high >> (2 * g)) & 3;
      meta[32 + 16 * g + row] = static_cast<std::byte>((low | (high << 4)) - 32);
      pack_nibbles(block.q4 + 16 * g, row, quants + static_cast<std::size_t>(g) * kQuants);
    }
  }
  static void unpack(BlockIQ4_XS& block, int row, const std::byte* meta, const std::byte* quants) {
    block.d = half_at(meta, row);
    for (int g = 0; g < 8; ++g) {
      const int scale = std::to_integer<std::int8_t>(meta[32 + 16 * g + row]) + 32;
      std::uint8_t& low = block.scales_low[g / 2];
      low = static_cast<std::uint8_t>(low | ((scale & 15) << (4 * (g % 2))));
      block.scales_high = static_cast<std::uint16_t>(block.scales_high | ((scale >> 4) << (2 * g)));
      unpack_nibbles(quants + static_cast<std::size_t>(g) * kQuants, row, block.q4 + 16 * g);
    }
  }
};

// ---- plain types: [k][16], BF16 [k / 2][16][2]
template <class Value>
std::size_t plain_place(int row, std::int64_t k) {
  return static_cast<std::size_t>(k) * kRows + static_cast<std::size_t>(row);
}
std::size_t bf16_place(int row, std::int64_t k) {
  return static_cast<std::size_t>(k / 2) * 2 * kRows + 2 * static_cast<std::size_t>(row) +
         static_cast<std::size_t>(k % 2);
}

template <class Value, std::size_t (*place)(int, std::int64_t)>
struct Plain {
  static TileShape shape(std::int64_t k) {
    const std::size_t bytes = static_cast<std::size_t>((k + 1) / 2 * 2) * kRows * sizeof(Value);
    return {(bytes + 63) / 64 * 64, 0};
  }
  static void pack(const std::byte* file, int rows, std::int64_t k, std::byte* tile) {
    const std::size_t row_bytes = static_cast<std::size_t>(k) * sizeof(Value);
    for (std::int64_t i = 0; i < k; ++i)
      for (int row = 0; row < rows; ++row)
        std::memcpy(tile + place(row, i) * sizeof(Value),
                    file + static_cast<std::size_t>(row) * row_bytes +
                        static_cast<std::size_t>(i) * sizeof(Value),
                    sizeof(Value));
  }
  static void unpack(const std::byte* tile, int row, std::int64_t k, std::byte* file) {
    for (std::int64_t i = 0; i < k; ++i)
      std::memcpy(file + static_cast<std::size_t>(i) * sizeof(Value),
                  tile + place(row, i) * sizeof(Value), sizeof(Value));
  }
};

template <class Block>
struct Blocks {
  using L = Layout<Block>;
  static constexpr std::int64_t kValues = std::int64_t{L::kRun} * kBlock;
  static constexpr std::size_t kQuants = L::kQuants * L::kRun;

  static TileShape shape(std::int64_t k) {
    const auto blocks = static_cast<std::size_t>(k / kValues);
    const std::size_t offset = (blocks * L::kMeta + 63) / 64 * 64;
    return {offset + blocks * kQuants, offset};
  }
  // Block by block over all rows, so that a tile is written once from front to back.
  static void pack(const std::byte* file, int rows, std::int64_t k, std::byte* tile) {
    const auto blocks = static_cast<std::size_t>(k / kValues);
    std::byte* quants = tile + shape(k).quants_offset;
    for (std::size_t b = 0; b < blocks; ++b, tile += L::kMeta, quants += kQuants)
      for (int row = 0; row < rows; ++row) {
        Block block;
        std::memcpy(&block, file + (static_cast<std::size_t>(row) * blocks + b) * sizeof block,
                    sizeof block);
        L::pack(block, row, tile, quants);
      }
  }
  static void unpack(const std::byte* tile, int row, std::int64_t k, std::byte* file) {
    const auto blocks = static_cast<std::size_t>(k / kValues);
    const std::byte* quants = tile + shape(k).quants_offset;
    for (std::size_t b = 0; b < blocks; ++b, tile += L::kMeta, quants += kQuants) {
      Block block{};
      L::unpack(block, row, tile, quants);
      std::memcpy(file + b * sizeof block, &block, sizeof block);
    }
  }
};

// f(order) with the order of a type.
template <class F>
auto with_order(DType dtype, F f) {
  switch (dtype) {
    case DType::kF32:
      return f(Plain<std::uint32_t, plain_place<std::uint32_t>>{});
    case DType::kF16:
      return f(Plain<std::uint16_t, plain_place<std::uint16_t>>{});
    case DType::kBF16:
      return f(Plain<std::uint16_t, bf16_place>{});
    case DType::kQ8_0:
      return f(Blocks<BlockQ8_0>{});
    case DType::kQ4_0:
      return f(Blocks<BlockQ4_0>{});
    case DType::kQ4_1:
      return f(Blocks<BlockQ4_1>{});
    case DType::kQ5_0:
      return f(Blocks<BlockQ5_0>{});
    case DType::kQ5_1:
      return f(Blocks<BlockQ5_1>{});
    case DType::kQ4_K:
      return f(Blocks<BlockQ4_K>{});
    case DType::kQ5_K:
      return f(Blocks<BlockQ5_K>{});
    case DType::kQ6_K:
      return f(Blocks<BlockQ6_K>{});
    case DType::kIQ4_NL:
      return f(Blocks<BlockIQ4_NL>{});
    case DType::kIQ4_XS:
      return f(Blocks<BlockIQ4_XS>{});
  }
  assert(false);
  __builtin_unreachable();
}

}  // namespace

TileShape tile_shape(DType dtype, std::int64_t k) {
  assert(k % traits(dtype).block_elements == 0);
  return with_order(dtype, [&](auto order) { return order.shape(k); });
}

void pack_tile(DType dtype, const std::byte* file_rows, int rows, std::int64_t k, std::byte* tile) {
  assert(rows >= 1 && rows <= kTileRows);
  with_order(dtype, [&](auto order) { order.pack(file_rows, rows, k, tile); });
}

void unpack_row(DType dtype, const std::byte* tile, int row, std::int64_t k, std::byte* file_row) {
  assert(row >= 0 && row < kTileRows);
  with_order(dtype, [&](auto order) { order.unpack(tile, row, k, file_row); });
}

}  // namespace g4::cpu
