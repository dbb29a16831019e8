// Vectors of AVX-512 (F, BW, VL, DQ, VNNI, BF16); the kernels over them are in the .inl files,
// which both ISA files include. F: 16 floats, I: 16 ints, B: 64 bytes.
#include <immintrin.h>

#include "backend/cpu/kernels.h"

#define G4_INLINE inline __attribute__((always_inline))

namespace g4::cpu::avx512 {
namespace {

using F = __m512;
using I = __m512i;
using B = __m512i;

// Register blocking: 8 columns x 1 tile, 8 queries x 2 groups of positions, ...
constexpr int kMaxColumns = 8;
constexpr int kQueries = 8;
constexpr int kDotRows = 4, kDotColumns = 6;

G4_INLINE F zero() { return _mm512_setzero_ps(); }
G4_INLINE F set1(float x) { return _mm512_set1_ps(x); }
G4_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
G4_INLINE void store(float* p, F x) { _mm512_storeu_ps(p, x); }
G4_INLINE __mmask16 first_lanes(std::int64_t n) {
  return static_cast<__mmask16>((1u << static_cast<unsigned>(n)) - 1);
}
// The first n < 16 lanes; the others read as zero and are not written.
G4_INLINE F load_part(const float* p, std::int64_t n) {
  return _mm512_maskz_loadu_ps(first_lanes(n), p);
}
G4_INLINE void store_part(float* p, F x, std::int64_t n) {
  _mm512_mask_storeu_ps(p, first_lanes(n), x);
}
G4_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
G4_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
G4_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
G4_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
G4_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
G4_INLINE F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a, b, c); }
G4_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
G4_INLINE F min(F a, F b) { return _mm512_min_ps(a, b); }
G4_INLINE F absolute(F a) { return _mm512_abs_ps(a); }
G4_INLINE F to_float(I a) { return _mm512_cvtepi32_ps(a); }
G4_INLINE I to_int(F a) { return _mm512_cvtps_epi32(a); }  // nearest, ties to even
// 2^n for -127 < n < 128.
G4_INLINE F power_of_2(I n) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_add_epi32(n, _mm512_set1_epi32(127)), 23));
}
// x where the lane is in [begin, end), else `other`.
G4_INLINE F in_range(F x, std::int32_t begin, std::int32_t end, F other) {
  const auto below = [](std::int32_t n) { return n <= 0 ? 0u : n >= 16 ? 0xffffu : (1u << n) - 1; };
  return _mm512_mask_blend_ps(static_cast<__mmask16>(below(end) & ~below(begin)), other, x);
}
// a where x >= limit, else zero.
G4_INLINE F at_least(F x, F limit, F a) {
  return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, limit, _CMP_GE_OQ), a);
}
G4_INLINE void halves(F a, __m256* low, __m256* high) {
  *low = _mm512_castps512_ps256(a);
  *high = _mm512_extractf32x8_ps(a, 1);
}

G4_INLINE F load_f16(const std::uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
G4_INLINE void store_f16(std::uint16_t* p, F x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
// 16 signed or unsigned bytes.
G4_INLINE F load_u8(const std::uint8_t* p) {
  return to_float(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
G4_INLINE F load_i8(const std::uint8_t* p) {
  return to_float(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
}
G4_INLINE void store_i8(std::int8_t* p, I x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(x));
}
G4_INLINE std::int32_t sum(I a) {
  const __m256i b = _mm256_add_epi32(_mm512_castsi512_si256(a), _mm512_extracti64x4_epi64(a, 1));
  const __m128i c = _mm_add_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
  const __m128i d = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(d, _mm_shuffle_epi32(d, 0xb1)));
}

G4_INLINE B load_bytes(const std::uint8_t* p) { return _mm512_loadu_si512(p); }
G4_INLINE B bytes(int x) { return _mm512_set1_epi8(static_cast<char>(x)); }
G4_INLINE B both(B a, B b) { return _mm512_and_si512(a, b); }
G4_INLINE B either(B a, B b) { return _mm512_or_si512(a, b); }
template <int kBits>
G4_INLINE B shift_right(B a) {
  return kBits == 0 ? a : _mm512_srli_epi16(a, kBits);
}
template <int kBits>
G4_INLINE B shift_left(B a) {
  return kBits == 0 ? a : _mm512_slli_epi16(a, kBits);
}
G4_INLINE B look_up(B table, B index) { return _mm512_shuffle_epi8(table, index); }
G4_INLINE B table16(const std::int8_t* p) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

// 8-bit weights as the dot product wants them: unsigned, 128 too high.
G4_INLINE B from_signed(B a) { return _mm512_xor_si512(a, bytes(0x80)); }
G4_INLINE I set1_int(std::int32_t x) { return _mm512_set1_epi32(x); }

// total + w * 4 q, broadcast as the instruction's memory operand. (In assembler because g++ 12
// makes a load and a register of it: 5 % of the speed.)
G4_INLINE I dot4(I total, B w, const std::int8_t* q) {
  struct Four {
    std::int8_t q[4];
  };
  asm("vpdpbusd %2%{1to16%}, %1, %0"
      : "+v"(total)
      : "v"(w), "m"(*reinterpret_cast<const Four*>(q)));
  return total;
}

// start + the products of vectors [kFirst, kLast) with 4 q each.
template <int kBits, int kFirst, int kLast>
G4_INLINE I dot(const B* w, const std::int8_t* q, std::int32_t start) {
  I total = _mm512_set1_epi32(start);
#pragma GCC unroll 8
  for (int v = kFirst; v < kLast; ++v) total = dot4(total, w[v], q + 4 * v);
  return total;
}

// BF16 weights: pairs of k, the columns rounded to bf16.
constexpr bool kBf16Columns = true;
using Bf16Column = std::uint16_t;
G4_INLINE F dot_bf16(const std::uint16_t* w, const std::uint16_t* x, F total) {
  std::int32_t pair;
  __builtin_memcpy(&pair, x, 4);
  return _mm512_dpbf16_ps(total, reinterpret_cast<__m512bh>(_mm512_loadu_si512(w)),
                          reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair)));
}

// ---- peaks: 12 independent chains
double peak_int8(std::int64_t steps) {
  I total[12];
  for (auto& t : total) t = _mm512_setzero_si512();
  I w = bytes(3), x = bytes(5);
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& t : total) t = _mm512_dpbusd_epi32(t, w, x);
    asm volatile("" : "+v"(w), "+v"(x));
  }
  for (auto& t : total) asm volatile("" : "+v"(t));
  return static_cast<double>(steps) * 12 * 128;
}

double peak_bf16(std::int64_t steps) {
  F total[12];
  for (auto& t : total) t = zero();
  I w = set1_int(0x3f803f80), x = w;
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& t : total)
      t = _mm512_dpbf16_ps(t, reinterpret_cast<__m512bh>(w), reinterpret_cast<__m512bh>(x));
    asm volatile("" : "+v"(w), "+v"(x));
  }
  for (auto& t : total) asm volatile("" : "+v"(t));
  return static_cast<double>(steps) * 12 * 64;
}

double peak_f32(std::int64_t steps) {
  F total[12];
  for (auto& t : total) t = zero();
  F w = set1(1.0f), x = set1(0.5f);
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& t : total) t = fma(w, x, t);
    asm volatile("" : "+v"(w), "+v"(x));
  }
  for (auto& t : total) asm volatile("" : "+v"(t));
  return static_cast<double>(steps) * 12 * 32;
}

double read_bytes(const void* data, std::int64_t bytes_count) {
  const auto* p = static_cast<const std::uint8_t*>(data);
  I total[4];
  for (auto& t : total) t = _mm512_setzero_si512();
  for (std::int64_t i = 0; i + 256 <= bytes_count; i += 256) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) total[j] = _mm512_xor_si512(total[j], load_bytes(p + i + 64 * j));
  }
  for (auto& t : total) asm volatile("" : "+v"(t));
  return static_cast<double>(bytes_count / 256 * 256);
}

// clang-format off
// In this order: each uses the ones before.
#include "backend/cpu/isa/vectors.inl"
#include "backend/cpu/isa/matmul.inl"
#include "backend/cpu/isa/elementwise.inl"
#include "backend/cpu/isa/attention.inl"
// clang-format on

}  // namespace

const Kernels kKernels = G4_KERNEL_TABLE("avx512");

}  // namespace g4::cpu::avx512
