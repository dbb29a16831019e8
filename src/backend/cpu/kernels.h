// The table of kernels that each file of isa/ provides, and the memory they work on.
//
// Included by the isa files: plain structs and pointers only, no std:: anything (style rule 7).
//
// Tiles. A weight matrix is cut into tiles of 16 rows. A tile holds the whole of k in two planes:
// first the scales ("meta", one record for each run of blocks), then, at quants_offset, the values
// of each block of 32 k. A vector of 64 bytes is 16 rows x 4 consecutive k, row by row, which is
// the order of the int8 dot-product instructions. Details by type: tile.cpp.
//
// Exactness. A result is one chain of additions over ascending k, the same for any number of
// columns and for both ISAs (BF16 weights excepted: avx512 has its own instruction).
#pragma once

#include <cstddef>
#include <cstdint>

namespace g4::cpu {

inline constexpr int kTileRows = 16;
inline constexpr int kBlock = 32;
inline constexpr int kTypes = 13;  // of tensor/dtype.h, in that order

// 32 activations: q * d, and what the kernels need of their sum.
struct XBlock {
  std::int8_t q[kBlock];
  float d;
  float sum;              // d * (sum of q): multiplies the minimum of a weight block
  std::int32_t start[2];  // -zero_point * (sum of q): of the block, or of each half (see quantise)
};
static_assert(sizeof(XBlock) == 48);

// Rows [0, rows) of a run of tiles times some columns.
struct TileRun {
  const std::uint8_t* tiles;
  std::size_t tile_bytes;
  std::size_t quants_offset;
  std::int64_t rows;     // not padded: the last tile may be used in part
  std::int64_t k;        // values of a row
  const void* const* x;  // columns: XBlock[k / 32], float[k] or bf16[k rounded up to even]
  float* const* out;     // column c, row r: out[c][out_offset + r]
  std::int64_t out_offset;
  std::int64_t columns;
};

// One run of key positions (at most kAttentionPositions) against some queries of the same kv head.
inline constexpr int kAttentionPositions = 64;
inline constexpr int kAttentionQueries = 32;
struct AttentionQuery {
  const float* q;      // [dim]
  float* sum;          // [dim rounded up to 16]: sum of p v so far
  float best;          // highest score so far
  float total[16];     // sum of p so far, by position modulo 16
  std::int32_t begin;  // visible positions of this run
  std::int32_t end;
};
struct AttentionRun {
  const std::uint16_t* k;  // f16 [groups][dim][16]: 16 positions side by side
  const std::uint16_t* v;  // f16 [positions][dim rounded up to 16]
  std::int32_t positions;
  std::int64_t dim;
  float scale;
  AttentionQuery* queries;
  std::int32_t query_count;
};

struct Kernels {
  const char* name;
  void (*tiles[kTypes])(const TileRun&);
  bool bf16_columns;  // BF16 weights take columns rounded to bf16, else float

  // zero_point: what the u8 weights are too high by. halves: start[] for each 16 values.
  void (*quantise)(const float* x, std::int64_t n, std::int32_t zero_point, bool halves,
                   XBlock* out);
  void (*to_bf16)(const float* x, std::int64_t n, std::uint16_t* out);  // pads to even with zero
  void (*to_f16)(const float* x, std::int64_t n, std::uint16_t* out);   // saturates

  // out = x * (mean(x^2) + eps)^-1/2 * weight (null: 1); out may be x.
  void (*rms_norm)(float* out, const float* x, const float* weight, std::int64_t n, float eps);
  // x += rms_norm(y)
  void (*add_rms_norm)(float* x, const float* y, const float* weight, std::int64_t n, float eps);
  void (*add)(float* x, const float* y, std::int64_t n);
  void (*scale)(float* x, float factor, std::int64_t n);
  void (*multiply)(float* out, const float* x, const float* y, float factor, std::int64_t n);
  void (*rotate)(float* head, std::int64_t half, const float* cosine, const float* sine);
  // out = gelu_tanh(gate) * up; out may be gate.
  void (*geglu)(float* out, const float* gate, const float* up, std::int64_t n);
  void (*softcap)(float* x, float cap, std::int64_t n);
  // out = sum_j weights[j] * y[j][], j ascending; y[j] = y + j * n.
  void (*weighted_sum)(float* out, const float* y, const float* weights, std::int64_t k,
                       std::int64_t n);
  // out[c * rows + r] = a_r . x_c, both row-major [.., n].
  void (*dots)(float* out, const float* a, std::int64_t rows, const float* x, std::int64_t columns,
               std::int64_t n);

  void (*attention)(const AttentionRun&);
  // sum / total of a query, after its last run.
  void (*attention_end)(const AttentionQuery& query, std::int64_t dim, float* out);

  // Peak rates, for machine_limits: each runs `steps` steps and returns the operations (multiplies
  // and adds) or bytes it did.
  double (*peak_int8)(std::int64_t steps);
  double (*peak_bf16)(std::int64_t steps);
  double (*peak_f32)(std::int64_t steps);
  double (*read_bytes)(const void* data, std::int64_t bytes);
};

namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}

}  // namespace g4::cpu
