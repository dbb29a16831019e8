// Backend: the coarse operations that the model is written in. One folder per backend, same file
// names.
//
// Activations are f32, row-major, one row per token of the step, in backend memory (Mat). Weights
// stay in the type of the checkpoint; a backend may reorder their bits but never expands them.
// Exactness: a row's result depends on that row (and its own sequence's KV) only; every backend
// keeps one order of summation whatever the number of rows, so batching and chunking change no bit.
// Threads: a backend is driven by one thread (the engine's) and uses its own pool inside. Loading
// too. Shapes, names and formulas: model/decoder.cpp. Failure: loading returns a Result; operations
// assert.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/huge_memory.h"
#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace g4 {

// A matrix in backend memory: rows x cols, contiguous. A view; the backend owns the bytes.
struct Mat {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  float* row(std::int64_t i) const { return data + i * cols; }
  // The first n rows; n rows from `first` on.
  Mat top(std::int64_t n) const { return {data, n, cols}; }
  Mat part(std::int64_t first, std::int64_t n) const { return {row(first), n, cols}; }
};

// A weight matrix [out, in], or a stack of expert matrices [experts, out, in], in the backend's own
// arrangement.
class Weight {
 public:
  virtual ~Weight() = default;
  DType dtype = DType::kF32;
  std::int64_t experts = 1;
  std::int64_t out = 0;
  std::int64_t in = 0;
  std::uint64_t bytes = 0;  // of memory it takes here
};

// Where a weight's bytes come from: rows in file order, whole blocks. `read` may be called from
// several threads at once, each with a buffer of its own, for any byte range of the tensor; the
// bytes it returns are valid until the buffer is used again.
struct WeightSource {
  std::string name;
  DType dtype = DType::kF32;
  Shape shape;  // [out, in] or [experts, out, in]
  std::function<Result<std::span<const std::byte>>(std::uint64_t begin, std::size_t bytes,
                                                   ReadBuffer& buffer)>
      read;
};

// How KV memory is laid out; see engine/runner.h for blocks and the ring.
struct KvLayer {
  bool sliding = false;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
};
struct KvLayout {
  std::vector<KvLayer> layers;
  std::int64_t window = 0;  // sliding layers see the last `window` positions, themselves included
  std::uint32_t block_tokens = 0;
  std::uint32_t global_blocks = 0;
  std::uint32_t sliding_blocks = 0;
  std::uint32_t sliding_ring_blocks = 0;
};
class KvStore {
 public:
  virtual ~KvStore() = default;
};

// The rows of one sequence in a step: rows [first_row, first_row + rows) of every Mat are its
// tokens at positions [n_past, n_past + rows).
struct PositionRange {
  std::uint64_t begin = 0, end = 0;
};
struct BatchSequence {
  std::int64_t first_row = 0;
  std::int64_t rows = 0;
  std::uint64_t n_past = 0;
  std::span<const std::uint32_t> global_blocks;   // position p: [p / block_tokens]
  std::span<const std::uint32_t> sliding_blocks;  // position p: [(p / block_tokens) % ring]
  // Whole images among the rows, in order: on sliding layers their tokens see all of their image.
  std::span<const PositionRange> images = {};
};
using Batch = std::span<const BatchSequence>;

// One past the last position that the token at `position` sees on a sliding layer.
std::uint64_t sliding_visible_end(const BatchSequence& sequence, std::uint64_t position);

// The patches of one image among the rows of a Mat: rows [first_row, first_row + size()), row by
// row of the image. Images of one call never see each other.
struct PatchGrid {
  std::int64_t first_row = 0;
  std::int64_t columns = 0;
  std::int64_t rows = 0;
  std::int64_t size() const { return columns * rows; }
};
using Images = std::span<const PatchGrid>;

// Keys and values of images in one layer of the tower, as a backend's attention reads them.
class ImageKv {
 public:
  virtual ~ImageKv() = default;
};

// How patches become soft tokens: kernel x kernel of them are averaged, then (mean * factor - bias)
// .* scale.
struct Pooling {
  std::int64_t kernel = 0;  // divides both sides of every image
  float factor = 1;
  const float* bias = nullptr;  // [hidden]; bias and scale null: not standardised
  const float* scale = nullptr;
};

// One of several projections of the same input: out[rows, weight.out] = x * weight^T.
struct Projection {
  const Weight* weight;
  Mat out;
};

// Which experts each row goes to: k of them, best first.
struct Routing {
  std::int64_t k = 0;
  std::span<const std::int32_t> experts;  // [rows, k]
  std::span<const float> weights;         // [rows, k]
};

struct RouterWeights {
  const float* scale = nullptr;             // [hidden]
  const float* proj = nullptr;              // [experts, hidden], f32
  const float* per_expert_scale = nullptr;  // [experts]
  std::int64_t experts = 0;
  std::int64_t top_k = 0;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  // "reference", "cpu (avx512, 2 threads)"

  // ---- memory. What these return lives as long as the backend (weights and KV: as their handle).
  virtual Result<std::unique_ptr<Weight>> load(const WeightSource& source) = 0;
  virtual Result<std::unique_ptr<KvStore>> make_kv(const KvLayout& layout) = 0;
  virtual Mat allocate(std::int64_t rows, std::int64_t cols) = 0;  // activations, zeroed
  virtual const float* upload(std::span<const float> values) = 0;  // norm weights, router, ...

  // ---- operations
  // out[i] = bf16(row ids[i] of table * scale). `scale` is rounded to bf16 by the caller:
  // transformers rounds factor and product as a bf16 run does (gemma4.md 1.4, 14).
  virtual void embed(Mat out, const Weight& table, std::span<const std::int32_t> ids,
                     float scale) = 0;

  // out = x * (mean(x^2) + eps)^-1/2 * weight; weight null: without. out may be x.
  virtual void rms_norm(Mat out, Mat x, const float* weight, float eps) = 0;
  // x += rms_norm(y; weight): a branch joins the residual stream.
  virtual void add_rms_norm(Mat x, Mat y, const float* weight, float eps) = 0;
  virtual void copy(Mat out, Mat x) = 0;  // out = x
  virtual void gather(Mat out, Mat x,
                      std::span<const std::int32_t> rows) = 0;  // out[i] = x[rows[i]]
  virtual void add(Mat x, Mat y) = 0;                           // x += y
  virtual void scale(Mat x, float factor) = 0;                  // x *= factor

  virtual void project(Mat x, std::span<const Projection> projections) = 0;

  // table[rows, 2*n]: n cosines then n sines of float(position) * inv_freq[i], for the rows of
  // `batch`.
  virtual void rope_table(Mat table, Batch batch, std::span<const float> inv_freq) = 0;
  // Every head of head_dim values of x: rms_norm with `weight` (null: without), then, if table.data
  // is not null, rotation of pairs (i, i + head_dim/2), i < n = table.cols/2 == head_dim/2. In
  // place.
  virtual void head_norm_rope(Mat x, std::int64_t head_dim, const float* weight, float eps,
                              Mat table) = 0;

  // Writes k and v [rows, kv_heads * head_dim] of the batch into the cache of `layer`.
  virtual void store_kv(KvStore& kv, std::int64_t layer, Batch batch, Mat k, Mat v) = 0;
  // out[row] = softmax(scale * q k^T over visible positions) v, per head; q head h uses kv head
  // h / (heads / kv_heads). Visible to position p: [0, p], on sliding layers (p - window, p] and
  // the rest of p's image.
  virtual void attention(Mat out, Mat q, const KvStore& kv, std::int64_t layer, Batch batch,
                         float scale) = 0;

  // out = down * (gelu_tanh(gate * x) .* (up * x))
  virtual void ffn(Mat out, Mat x, const Weight& gate, const Weight& up, const Weight& down) = 0;
  // t = rms_norm(x; none) .* scale * hidden^-1/2; p = softmax(proj t); the top_k best, renormalised
  // to sum 1, times per_expert_scale. experts and weights: [rows, top_k].
  virtual Routing route(Mat x, const RouterWeights& router, float eps) = 0;
  // out = sum_j weights[j] * down[e_j] * (gelu_tanh(gate) .* up), gate then up = rows of
  // gate_up[e_j].
  virtual void moe_ffn(Mat out, Mat x, const Routing& routing, const Weight& gate_up,
                       const Weight& down) = 0;

  // ---- the vision tower
  // out = proj * (2 (patches - 0.5)) + positions[0][x] + positions[1][y], for the patches
  // [image.size(), proj.in] of one image, values 0 to 1. out: that image's rows alone, so
  // image.first_row is not read. positions: [2, entries, out.cols], the table of x then that of y.
  virtual void embed_patches(Mat out, std::span<const float> patches, const PatchGrid& image,
                             const Weight& proj, const Weight& positions) = 0;
  // table[row, 4 n]: n cosines and n sines of x * inv_freq[i], then the same of y, for the rows of
  // `images`.
  virtual void rope_table_2d(Mat table, Images images, std::span<const float> inv_freq) = 0;
  // Every head of head_dim values of x: rms_norm with `weight`, then rotation: of its first half by
  // the x part of `table`, pairs (i, i + head_dim/4), of its second half likewise by the y part.
  // table.cols == head_dim. In place.
  virtual void head_norm_rope_2d(Mat x, std::int64_t head_dim, const float* weight, float eps,
                                 Mat table) = 0;
  // Room for keys and values of all rows of `images`; one layer's after the other's.
  virtual Result<std::unique_ptr<ImageKv>> make_image_kv(Images images, std::int64_t heads,
                                                         std::int64_t head_dim) = 0;
  // k and v: rows [first_row, first_row + k.rows) of the images.
  virtual void store_image_kv(ImageKv& kv, std::int64_t first_row, Mat k, Mat v) = 0;
  // out[row] = softmax(scale * q k^T over all patches of the row's image) v, per head, for rows
  // [first_row, first_row + q.rows) of the images: any part of them, cut anywhere. out may be q.
  virtual void image_attention(Mat out, Mat q, const ImageKv& kv, std::int64_t first_row,
                               float scale) = 0;
  // out: the soft tokens of one image after the other, each row by row.
  virtual void pool_patches(Mat out, Mat x, Images images, const Pooling& pooling) = 0;

  // logits = x * head^T, then softcap * tanh(logits / softcap) if softcap > 0.
  virtual void logits(Mat out, Mat x, const Weight& head, float softcap) = 0;
};

// Plain loops, double accumulators, f32 KV: the oracle. One thread.
std::unique_ptr<Backend> make_reference_backend();

struct CpuOptions {
  int threads = 0;  // 0: one per physical core this process may use
  std::string isa;  // "avx2", "avx512"; empty: G4_ISA, else the best this machine has
};
// Fails with a sentence if the ISA asked for is unknown or the machine lacks it.
Result<std::unique_ptr<Backend>> make_cpu_backend(const CpuOptions& options);

}  // namespace g4
