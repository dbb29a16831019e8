// Vectors of AVX2 (with FMA and F16C), two registers for one of AVX-512, so that both ISAs share
// the kernels of the .inl files and their order of additions. F: 16 floats, I: 16 ints, B: 64
// bytes.
#include <immintrin.h>

#include "backend/cpu/kernels.h"

#define G4_INLINE inline __attribute__((always_inline))

namespace g4::cpu::avx2 {
namespace {

struct F {
  __m256 a, b;
};
struct I {
  __m256i a, b;
};
using B = I;

constexpr int kMaxColumns = 4;
constexpr int kQueries = 2;
constexpr int kDotRows = 2, kDotColumns = 2;

G4_INLINE F zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
G4_INLINE F set1(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
G4_INLINE F load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
G4_INLINE void store(float* p, F x) {
  _mm256_storeu_ps(p, x.a);
  _mm256_storeu_ps(p + 8, x.b);
}
// All ones in the lanes of 0..7 below n.
G4_INLINE __m256i first_lanes(std::int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
// The first n < 16 lanes; the others read as zero and are not written.
G4_INLINE F load_part(const float* p, std::int64_t n) {
  return {_mm256_maskload_ps(p, first_lanes(n)), _mm256_maskload_ps(p + 8, first_lanes(n - 8))};
}
G4_INLINE void store_part(float* p, F x, std::int64_t n) {
  _mm256_maskstore_ps(p, first_lanes(n), x.a);
  _mm256_maskstore_ps(p + 8, first_lanes(n - 8), x.b);
}
G4_INLINE F add(F x, F y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
G4_INLINE F sub(F x, F y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
G4_INLINE F mul(F x, F y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
G4_INLINE F div(F x, F y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
G4_INLINE F fma(F x, F y, F z) {
  return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)};
}
G4_INLINE F fnma(F x, F y, F z) {
  return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)};
}
G4_INLINE F max(F x, F y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
G4_INLINE F min(F x, F y) { return {_mm256_min_ps(x.a, y.a), _mm256_min_ps(x.b, y.b)}; }
G4_INLINE F absolute(F x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  return {_mm256_andnot_ps(sign, x.a), _mm256_andnot_ps(sign, x.b)};
}
G4_INLINE F to_float(I x) { return {_mm256_cvtepi32_ps(x.a), _mm256_cvtepi32_ps(x.b)}; }
G4_INLINE I to_int(F x) { return {_mm256_cvtps_epi32(x.a), _mm256_cvtps_epi32(x.b)}; }
// 2^n for -127 < n < 128.
G4_INLINE F power_of_2(I n) {
  const __m256i bias = _mm256_set1_epi32(127);
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.a, bias), 23)),
          _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n.b, bias), 23))};
}
// x where the lane is in [begin, end), else `other`.
G4_INLINE F in_range(F x, std::int32_t begin, std::int32_t end, F other) {
  const __m256i a = _mm256_andnot_si256(first_lanes(begin), first_lanes(end));
  const __m256i b = _mm256_andnot_si256(first_lanes(begin - 8), first_lanes(end - 8));
  return {_mm256_blendv_ps(other.a, x.a, _mm256_castsi256_ps(a)),
          _mm256_blendv_ps(other.b, x.b, _mm256_castsi256_ps(b))};
}
// a where x >= limit, else zero.
G4_INLINE F at_least(F x, F limit, F y) {
  return {_mm256_and_ps(_mm256_cmp_ps(x.a, limit.a, _CMP_GE_OQ), y.a),
          _mm256_and_ps(_mm256_cmp_ps(x.b, limit.b, _CMP_GE_OQ), y.b)};
}
G4_INLINE void halves(F x, __m256* low, __m256* high) {
  *low = x.a;
  *high = x.b;
}

G4_INLINE __m128i load_128(const void* p) {
  return _mm_loadu_si128(static_cast<const __m128i*>(p));
}
G4_INLINE F load_f16(const std::uint16_t* p) {
  return {_mm256_cvtph_ps(load_128(p)), _mm256_cvtph_ps(load_128(p + 8))};
}
G4_INLINE void store_f16(std::uint16_t* p, F x) {
  constexpr int kNearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x.a, kNearest));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(x.b, kNearest));
}
G4_INLINE F load_u8(const std::uint8_t* p) {
  const __m128i x = load_128(p);
  return to_float({_mm256_cvtepu8_epi32(x), _mm256_cvtepu8_epi32(_mm_srli_si128(x, 8))});
}
G4_INLINE F load_i8(const std::uint8_t* p) {
  const __m128i x = load_128(p);
  return to_float({_mm256_cvtepi8_epi32(x), _mm256_cvtepi8_epi32(_mm_srli_si128(x, 8))});
}
G4_INLINE void store_i8(std::int8_t* p, I x) {
  const auto packed = [](__m256i y) {
    return _mm_packs_epi32(_mm256_castsi256_si128(y), _mm256_extracti128_si256(y, 1));
  };
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(packed(x.a), packed(x.b)));
}
G4_INLINE std::int32_t sum(I x) {
  const __m256i b = _mm256_add_epi32(x.a, x.b);
  const __m128i c = _mm_add_epi32(_mm256_castsi256_si128(b), _mm256_extracti128_si256(b, 1));
  const __m128i d = _mm_add_epi32(c, _mm_shuffle_epi32(c, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(d, _mm_shuffle_epi32(d, 0xb1)));
}

G4_INLINE __m256i load_256(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
G4_INLINE B load_bytes(const std::uint8_t* p) { return {load_256(p), load_256(p + 32)}; }
G4_INLINE B bytes(int x) {
  const __m256i y = _mm256_set1_epi8(static_cast<char>(x));
  return {y, y};
}
G4_INLINE B both(B x, B y) { return {_mm256_and_si256(x.a, y.a), _mm256_and_si256(x.b, y.b)}; }
G4_INLINE B either(B x, B y) { return {_mm256_or_si256(x.a, y.a), _mm256_or_si256(x.b, y.b)}; }
template <int kBits>
G4_INLINE B shift_right(B x) {
  return {_mm256_srli_epi16(x.a, kBits), _mm256_srli_epi16(x.b, kBits)};
}
template <int kBits>
G4_INLINE B shift_left(B x) {
  return {_mm256_slli_epi16(x.a, kBits), _mm256_slli_epi16(x.b, kBits)};
}
G4_INLINE B look_up(B table, B index) {
  return {_mm256_shuffle_epi8(table.a, index.a), _mm256_shuffle_epi8(table.b, index.b)};
}
G4_INLINE B table16(const std::int8_t* p) {
  const __m256i x = _mm256_broadcastsi128_si256(load_128(p));
  return {x, x};
}

// 8-bit weights stay signed here; see dot.
G4_INLINE B from_signed(B x) { return x; }

G4_INLINE std::int32_t four(const std::int8_t* q) {
  std::int32_t x;
  __builtin_memcpy(&x, q, 4);
  return x;
}

// 32 products summed in pairs, as 16 bits. Weights of 8 bits are signed: |w| * (q with w's sign).
// |w| <= 128 and |q| <= 127, so no sum exceeds 2 * 128 * 127 = 32512.
template <int kBits>
G4_INLINE __m256i pairs(__m256i w, __m256i q) {
  if constexpr (kBits == 8) return _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(q, w));
  return _mm256_maddubs_epi16(w, q);
}

// start + the products of vectors [kFirst, kLast) with 4 q each. 16-bit sums hold 8, 4 or 2 vectors
// of weights of 4 (8 * 2 * 15 * 127 = 30480), 5 (31496) or 6 bits (32004).
template <int kBits, int kFirst, int kLast>
G4_INLINE I dot(const B* w, const std::int8_t* q, std::int32_t start) {
  constexpr int kRun = kBits == 4 ? 8 : kBits == 5 ? 4 : kBits == 6 ? 2 : 1;
  static_assert((kLast - kFirst) % kRun == 0);
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i first = _mm256_set1_epi32(kBits == 8 ? 0 : start);
  I total{first, first};
#pragma GCC unroll 8
  for (int v = kFirst; v < kLast; v += kRun) {
    I run{_mm256_setzero_si256(), _mm256_setzero_si256()};
#pragma GCC unroll 8
    for (int j = 0; j < kRun; ++j) {
      const __m256i x = _mm256_set1_epi32(four(q + 4 * (v + j)));
      run.a = _mm256_add_epi16(run.a, pairs<kBits>(w[v + j].a, x));
      run.b = _mm256_add_epi16(run.b, pairs<kBits>(w[v + j].b, x));
    }
    total.a = _mm256_add_epi32(total.a, _mm256_madd_epi16(run.a, ones));
    total.b = _mm256_add_epi32(total.b, _mm256_madd_epi16(run.b, ones));
  }
  return total;
}

// BF16 weights: pairs of k, columns in f32.
constexpr bool kBf16Columns = false;
using Bf16Column = float;
G4_INLINE F dot_bf16(const std::uint16_t* w, const float* x, F total) {
  const I both_k = load_bytes(reinterpret_cast<const std::uint8_t*>(w));
  const __m256i high = _mm256_set1_epi32(static_cast<int>(0xffff0000u));
  const F even{_mm256_castsi256_ps(_mm256_slli_epi32(both_k.a, 16)),
               _mm256_castsi256_ps(_mm256_slli_epi32(both_k.b, 16))};
  const F odd{_mm256_castsi256_ps(_mm256_and_si256(both_k.a, high)),
              _mm256_castsi256_ps(_mm256_and_si256(both_k.b, high))};
  return fma(odd, set1(x[1]), fma(even, set1(x[0]), total));
}

// ---- peaks: 12 independent chains
double peak_int8(std::int64_t steps) {
  __m256i total[12];
  for (auto& t : total) t = _mm256_setzero_si256();
  __m256i w = _mm256_set1_epi8(3), x = w;
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& t : total) t = _mm256_add_epi16(t, _mm256_maddubs_epi16(w, x));
    asm volatile("" : "+x"(w), "+x"(x));
  }
  for (auto& t : total) asm volatile("" : "+x"(t));
  return static_cast<double>(steps) * 12 * 64;
}

double peak_f32(std::int64_t steps) {
  __m256 total[12];
  for (auto& t : total) t = _mm256_setzero_ps();
  __m256 w = _mm256_set1_ps(1.0f), x = _mm256_set1_ps(0.5f);
  for (std::int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& t : total) t = _mm256_fmadd_ps(w, x, t);
    asm volatile("" : "+x"(w), "+x"(x));
  }
  for (auto& t : total) asm volatile("" : "+x"(t));
  return static_cast<double>(steps) * 12 * 16;
}

// No bf16 instruction: such weights run at the rate of floats.
double peak_bf16(std::int64_t steps) { return peak_f32(steps); }

double read_bytes(const void* data, std::int64_t bytes_count) {
  const auto* p = static_cast<const std::uint8_t*>(data);
  __m256i total[4];
  for (auto& t : total) t = _mm256_setzero_si256();
  for (std::int64_t i = 0; i + 128 <= bytes_count; i += 128) {
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) total[j] = _mm256_xor_si256(total[j], load_256(p + i + 32 * j));
  }
  for (auto& t : total) asm volatile("" : "+x"(t));
  return static_cast<double>(bytes_count / 128 * 128);
}

// clang-format off
// In this order: each uses the ones before.
#include "backend/cpu/isa/vectors.inl"
#include "backend/cpu/isa/matmul.inl"
#include "backend/cpu/isa/elementwise.inl"
#include "backend/cpu/isa/attention.inl"
// clang-format on

}  // namespace

const Kernels kKernels = G4_KERNEL_TABLE("avx2");

}  // namespace g4::cpu::avx2
