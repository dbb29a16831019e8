// The oracle: every operation of backend.h as plain loops with double accumulators, one thread.
//
// Weights stay in their file's type and are decoded a row at a time. KV is f32. Slow on purpose;
// each file holds one group of operations and has a fast twin of the same name in backend/cpu/.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "backend/backend.h"

namespace g4::reference {

struct RowWeight : Weight {
  std::vector<std::byte> data;  // as in the file: experts x out rows
  std::uint64_t row_bytes = 0;
  // values[0..in) of row `row` of expert `expert`.
  void decode(std::int64_t expert, std::int64_t row, float* values) const;
};

struct ReferenceKv : KvStore {
  KvLayout layout;
  // Per layer: k then v of [blocks][block_tokens][kv_heads * head_dim].
  std::vector<std::vector<float>> k, v;
  // Offset of position p of a sequence in a layer's k and v.
  std::size_t offset(std::int64_t layer, const BatchSequence& sequence,
                     std::uint64_t position) const;
};

struct ReferenceImageKv : ImageKv {
  std::vector<PatchGrid> images;
  std::int64_t head_dim = 0;
  std::int64_t cols = 0;    // heads * head_dim
  std::vector<float> k, v;  // [rows of the images, cols]
};

class ReferenceBackend final : public Backend {
 public:
  std::string name() const override { return "reference"; }

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
  std::vector<std::unique_ptr<std::vector<float>>> owned_;  // what allocate() and upload() gave out
  std::vector<std::int32_t> routed_experts_;                // of the last route()
  std::vector<float> routed_weights_;
};

// Sum of a[i] * b[i], in double.
double dot(const float* a, const float* b, std::int64_t n);
// out[0..weight.out) = rows of one expert times x.
void multiply(const RowWeight& weight, std::int64_t expert, const float* x, float* out);
// 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): the only activation of the model.
float gelu_tanh(float x);

}  // namespace g4::reference
