// Byte layouts of the quantised types, as GGUF v3 stores them (little endian, no padding).
//
// Scales d, m are IEEE half floats kept as their bits. q4 bytes hold value j in the low nibble and
// value j + n/2 in the high nibble, where n is the number of values the byte run covers.
#pragma once

#include <bit>
#include <cstdint>

namespace g4 {

static_assert(std::endian::native == std::endian::little, "checkpoints are read in place");

inline constexpr std::uint32_t kSmallBlock = 32;   // values per block of Q8_0 ... Q5_1, IQ4_NL
inline constexpr std::uint32_t kSuperBlock = 256;  // values per block of Q4_K ... Q6_K, IQ4_XS

struct BlockQ8_0 {  // value = q * d
  std::uint16_t d;
  std::int8_t q[32];
};

struct BlockQ4_0 {  // value = (q - 8) * d
  std::uint16_t d;
  std::uint8_t q4[16];
};

struct BlockQ4_1 {  // value = q * d + m
  std::uint16_t d;
  std::uint16_t m;
  std::uint8_t q4[16];
};

struct BlockQ5_0 {  // value = (q - 16) * d; bit j of high_bits is bit 4 of value j
  std::uint16_t d;
  std::uint8_t high_bits[4];
  std::uint8_t q4[16];
};

struct BlockQ5_1 {  // value = q * d + m
  std::uint16_t d;
  std::uint16_t m;
  std::uint8_t high_bits[4];
  std::uint8_t q4[16];
};

// Q4_K and Q5_K: eight groups of 32 values, each with a 6-bit scale s and a 6-bit minimum t:
// value = (d * s) * q - (d_min * t). Packed in twelve bytes p:
//   groups 0-3: s = p[g] & 63,                            t = p[g + 4] & 63
//   groups 4-7: s = (p[g + 4] & 15) | (p[g - 4] >> 6) * 16, t = (p[g + 4] >> 4) | (p[g] >> 6) * 16
// q4: 32 bytes for each pair of groups, the even group in the low nibbles.
struct BlockQ4_K {
  std::uint16_t d;
  std::uint16_t d_min;
  std::uint8_t scales[12];
  std::uint8_t q4[128];
};

struct BlockQ5_K {  // bit g of high_bits[j] is bit 4 of value j of group g
  std::uint16_t d;
  std::uint16_t d_min;
  std::uint8_t scales[12];
  std::uint8_t high_bits[32];
  std::uint8_t q4[128];
};

// Q6_K: two halves of 128 values; a half takes 64 bytes of q4 and 32 of high_bits. Value j of run r
// (r = 0..3, j = 0..31) has low bits in q4[j + 32 * (r & 1)], low nibble for r < 2, and bits 4-5 in
// high_bits[j] >> 2r. scales[i] serves values 16i ... 16i + 15: value = (d * scale) * (q - 32).
struct BlockQ6_K {
  std::uint8_t q4[128];
  std::uint8_t high_bits[64];
  std::int8_t scales[16];
  std::uint16_t d;
};

struct BlockIQ4_NL {  // value = d * kIQ4Values[q]
  std::uint16_t d;
  std::uint8_t q4[16];
};

// IQ4_XS: eight groups of 32 values laid out as in IQ4_NL, each with a 6-bit scale s (low 4 bits in
// scales_low, group 2i in the low nibble of byte i; high 2 bits in scales_high >> 2g):
// value = (d * (s - 32)) * kIQ4Values[q].
struct BlockIQ4_XS {
  std::uint16_t d;
  std::uint16_t scales_high;
  std::uint8_t scales_low[4];
  std::uint8_t q4[128];
};

inline constexpr std::int8_t kIQ4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                               1,    13,   25,  38,  53,  69,  89,  113};

static_assert(sizeof(BlockQ8_0) == 34);
static_assert(sizeof(BlockQ4_0) == 18);
static_assert(sizeof(BlockQ4_1) == 20);
static_assert(sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24);
static_assert(sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176);
static_assert(sizeof(BlockQ6_K) == 210);
static_assert(sizeof(BlockIQ4_NL) == 18);
static_assert(sizeof(BlockIQ4_XS) == 136);

// Scale and minimum of group 0..7 of a Q4_K or Q5_K block.
struct GroupScale {
  std::uint8_t scale;
  std::uint8_t minimum;
};

inline GroupScale group_scale(const std::uint8_t* packed, int group) {
  const auto byte = [](int value) { return static_cast<std::uint8_t>(value); };
  if (group < 4) return {byte(packed[group] & 63), byte(packed[group + 4] & 63)};
  return {byte((packed[group + 4] & 15) | ((packed[group - 4] >> 6) << 4)),
          byte((packed[group + 4] >> 4) | ((packed[group] >> 6) << 4))};
}

}  // namespace g4
