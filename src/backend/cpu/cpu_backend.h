// The CPU backend: tiles of weights, a pool of threads, kernels chosen once for the machine.
//
// Every operation is a few parallel loops over items (row tiles, rows, heads); what an item
// computes does not depend on how many items there are or which thread takes it. Scratch grows to
// the largest step seen and is then reused: a step in steady state allocates nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/tile.h"
#include "base/huge_memory.h"
#include "base/thread_pool.h"

namespace g4::cpu {

struct TiledWeight : Weight {
  HugeMemory memory;  // experts x tiles_per_expert tiles
  TileShape shape;
  std::int64_t tiles_per_expert = 0;

  const std::byte* tile(std::int64_t expert, std::int64_t index) const {
    return memory.data() +
           static_cast<std::size_t>(expert * tiles_per_expert + index) * shape.bytes;
  }
};

// A layer's K is f16 [block][kv_head][groups][head_dim][16] (16 positions side by side), its V f16
// [block][kv_head][groups * 16][padded_dim]; groups = block_tokens / 16, rounded up.
struct CpuKv : KvStore {
  KvLayout layout;
  std::int64_t groups = 0;
  struct Layer {
    HugeMemory k, v;
    std::int64_t padded_dim = 0;
  };
  std::vector<Layer> layers;

  // The block of a sequence that holds a position.
  std::uint32_t block_of(std::int64_t layer, const BatchSequence& sequence,
                         std::uint64_t position) const;
  std::uint16_t* keys(std::int64_t layer, std::uint32_t block, std::int64_t head) const;
  std::uint16_t* values(std::int64_t layer, std::uint32_t block, std::int64_t head) const;
};

// Keys and values of images. K: f16 [head][group][dim][16] (16 patches side by side), V: f16
// [head][group * 16][padded_dim]; every image begins a group of its own.
struct CpuImageKv : ImageKv {
  struct Image {
    std::int64_t first_row, patches, first_group;
  };
  std::vector<Image> images;
  std::int64_t heads = 0, dim = 0, padded_dim = 0;
  std::int64_t groups = 0;  // of all images
  HugeMemory k, v;

  std::uint16_t* keys(const Image& image, std::int64_t head, std::int64_t group) const;
  std::uint16_t* values(const Image& image, std::int64_t head, std::int64_t patch) const;
};

// Memory that only grows.
class Scratch {
 public:
  template <class T>
  T* get(std::int64_t count) {
    return static_cast<T*>(bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

 private:
  void* bytes(std::size_t count);
  HugeMemory memory_;
};

// How the columns of a product must be prepared for a weight's type.
struct ColumnForm {
  enum Kind : std::uint8_t { kFloat, kBf16, kQuantised } kind = kFloat;
  std::int32_t zero_point = 0;  // kQuantised
  bool halves = false;
  bool operator==(const ColumnForm&) const = default;
};
ColumnForm column_form(DType dtype, const Kernels& kernels);

// Prepared columns: column i is at data + i * stride.
struct Columns {
  const std::byte* data = nullptr;
  std::size_t stride = 0;
  const void* column(std::int64_t i) const { return data + static_cast<std::size_t>(i) * stride; }
};

// One matrix times some columns.
struct Product {
  const TiledWeight* weight = nullptr;
  std::int64_t expert = 0;
  const void* const* x = nullptr;
  float* const* out = nullptr;
  std::int64_t columns = 0;
  float softcap = 0;  // > 0: applied to the results
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(const Kernels& kernels, int threads);
  std::string name() const override;

  Result<std::unique_ptr<Weight>> load(const WeightSource& source) override;
  Result<std::unique_ptr<KvStore>> make_kv(const KvLayout& layout) override;
  Mat allocate(std::int64_t rows, std::int64_t cols) override;
  const float* upload(std::span<const float> values) override;

  void embed(Mat out, const Weight& table, std::span<const std::int32_t> ids, float scale) override;
  void rms_norm(Mat out, Mat x, const float* weight, float eps) override;
  void add_rms_norm(Mat x, Mat y, const float* weight, float eps) override;
  void copy(Mat out, Mat x) override;
  void gather(Mat out, Mat x, std::span<const std::int32_t> rows) override;
  void add(Mat x, Mat y) override;
  void scale(Mat x, float factor) override;
  void project(Mat x, std::span<const Projection> projections) override;
  void rope_table(Mat table, Batch batch, std::span<const float> inv_freq) override;
  void head_norm_rope(Mat x, std::int64_t head_dim, const float* weight, float eps,
                      Mat table) override;
  void store_kv(KvStore& kv, std::int64_t layer, Batch batch, Mat k, Mat v) override;
  void attention(Mat out, Mat q, const KvStore& kv, std::int64_t layer, Batch batch,
                 float scale) override;
  void ffn(Mat out, Mat x, const Weight& gate, const Weight& up, const Weight& down) override;
  Routing route(Mat x, const RouterWeights& router, float eps) override;
  void moe_ffn(Mat out, Mat x, const Routing& routing, const Weight& gate_up,
               const Weight& down) override;
  void embed_patches(Mat out, std::span<const float> patches, const PatchGrid& image,
                     const Weight& proj, const Weight& positions) override;
  void rope_table_2d(Mat table, Images images, std::span<const float> inv_freq) override;
  void head_norm_rope_2d(Mat x, std::int64_t head_dim, const float* weight, float eps,
                         Mat table) override;
  Result<std::unique_ptr<ImageKv>> make_image_kv(Images images, std::int64_t heads,
                                                 std::int64_t head_dim) override;
  void store_image_kv(ImageKv& kv, std::int64_t first_row, Mat k, Mat v) override;
  void image_attention(Mat out, Mat q, const ImageKv& kv, std::int64_t first_row,
                       float scale) override;
  void pool_patches(Mat out, Mat x, Images images, const Pooling& pooling) override;
  void logits(Mat out, Mat x, const Weight& head, float softcap) override;

 private:
  // Calls f(first, last) for parts of [0, rows), on this thread alone if the whole is less than
  // about 20 microseconds of work (row_cost: floats touched a row).
  template <class F>
  void for_rows(std::int64_t rows, std::int64_t row_cost, F f);

  // Prepares the rows of x; scratch `slot` keeps them until its next use.
  Columns prepare(Mat x, ColumnForm form, int slot);
  // geglu of rows [2 * width] (gate, up), prepared.
  Columns prepare_geglu(float* gate_up, std::int64_t rows, std::int64_t width, ColumnForm form);
  void prepare_row(const float* x, std::int64_t n, ColumnForm form, std::byte* out) const;
  void multiply(std::span<const Product> products);
  void project_to(Mat x, std::span<const Projection> projections, float softcap);

  const Kernels& kernels_;
  ThreadPool pool_;
  std::vector<HugeMemory> owned_;  // what allocate() and upload() gave out
  static constexpr int kSlots = 5;
  Scratch columns_[kSlots];      // prepared rows: of x by form; the last of the hidden values
  Scratch hidden_, expert_out_;  // gate and up; what each expert gives
  Scratch pixels_;               // patches, -1 to 1
  std::vector<const void*> x_pointers_;
  std::vector<float*> out_pointers_;
  std::vector<Product> products_;
  std::vector<std::int64_t> first_item_;
  std::vector<std::int32_t> expert_begin_, by_expert_;
  std::vector<Scratch> per_thread_;
  std::vector<ReadBuffer> load_buffers_;      // one a reading thread; given back by make_kv()
  std::vector<std::int32_t> routed_experts_;  // of the last route()
  std::vector<float> routed_weights_;
};

template <class F>
void CpuBackend::for_rows(std::int64_t rows, std::int64_t row_cost, F f) {
  constexpr std::int64_t kAlone = 16 * 1024;  // floats
  if (rows * row_cost <= kAlone) return f(std::int64_t{0}, rows);
  const std::int64_t per_item = row_cost >= kAlone / 2 ? 1 : kAlone / 2 / row_cost;
  pool_.run((rows + per_item - 1) / per_item, [&](std::int64_t i, int) {
    const std::int64_t last = (i + 1) * per_item;
    f(i * per_item, last < rows ? last : rows);
  });
}

}  // namespace g4::cpu
