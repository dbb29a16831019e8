// Do the goldens see everything? Each norm, norm weight, scale, softcap and rotation of the forward
// pass is dropped in turn, and the logits must move away from transformers' by far more than the
// tolerance the goldens are held to. So for the vision tower, its axes and its standardisation.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "model/vision_golden.h"

namespace g4 {
namespace {

// Forwards to the reference backend, except that the call number `target` (of those that can be
// dropped) is dropped. Counting a whole pass with target = -1 gives the number of mutants.
class MutantBackend final : public Backend {
 public:
  explicit MutantBackend(std::unique_ptr<Backend> base) : base_(std::move(base)) {}

  int target = -1;
  int seen = 0;
  std::string dropped;  // what the target was

  std::string name() const override { return "mutant"; }
  Result<std::unique_ptr<Weight>> load(const WeightSource& s) override { return base_->load(s); }
  Result<std::unique_ptr<KvStore>> make_kv(const KvLayout& l) override { return base_->make_kv(l); }
  Mat allocate(std::int64_t rows, std::int64_t cols) override {
    return base_->allocate(rows, cols);
  }
  const float* upload(std::span<const float> values) override { return base_->upload(values); }

  void embed(Mat out, const Weight& table, std::span<const std::int32_t> ids,
             float scale) override {
    base_->embed(out, table, ids, drop("embedding scale") ? 1.0F : scale);
  }
  void rms_norm(Mat out, Mat x, const float* weight, float eps) override {
    if (drop("norm")) return base_->copy(out, x);
    base_->rms_norm(out, x, weight && drop("norm weight") ? nullptr : weight, eps);
  }
  void add_rms_norm(Mat x, Mat y, const float* weight, float eps) override {
    if (drop("post norm")) return base_->add(x, y);
    base_->add_rms_norm(x, y, drop("post norm weight") ? nullptr : weight, eps);
  }
  void copy(Mat out, Mat x) override { base_->copy(out, x); }
  void gather(Mat out, Mat x, std::span<const std::int32_t> rows) override {
    base_->gather(out, x, rows);
  }
  void add(Mat x, Mat y) override {
    if (!drop("branch")) base_->add(x, y);
  }
  void scale(Mat x, float factor) override {
    base_->scale(x, drop("layer scalar") ? 1.0F : factor);
  }
  void project(Mat x, std::span<const Projection> projections) override {
    base_->project(x, projections);
  }
  void rope_table(Mat table, Batch batch, std::span<const float> inv_freq) override {
    // Rotate the frequencies that should stand still, and leave the first pair unrotated.
    std::vector<float> changed(inv_freq.begin(), inv_freq.end());
    const bool partial = changed.back() == 0;
    if (partial && drop("partial rotation"))
      for (float& value : changed)
        if (value == 0) value = 0.01F;
    if (drop("first pair's rotation")) changed.front() = 0;
    base_->rope_table(table, batch, changed);
  }
  void head_norm_rope(Mat x, std::int64_t head_dim, const float* weight, float eps,
                      Mat table) override {
    if (drop("head norm")) return rope_only(x, head_dim, table);
    const bool no_weight = weight && drop("head norm weight");
    const bool no_rope = table.data && drop("rotation");
    base_->head_norm_rope(x, head_dim, no_weight ? nullptr : weight, eps, no_rope ? Mat{} : table);
  }
  void store_kv(KvStore& kv, std::int64_t layer, Batch batch, Mat k, Mat v) override {
    base_->store_kv(kv, layer, batch, k, v);
  }
  void attention(Mat out, Mat q, const KvStore& kv, std::int64_t layer, Batch batch,
                 float scale) override {
    base_->attention(out, q, kv, layer, batch, drop("attention scale") ? scale * 0.5F : scale);
  }
  void ffn(Mat out, Mat x, const Weight& gate, const Weight& up, const Weight& down) override {
    base_->ffn(out, x, gate, up, down);
  }
  Routing route(Mat x, const RouterWeights& router, float eps) override {
    RouterWeights changed = router;
    ones_.assign(static_cast<std::size_t>(std::max(x.cols, router.experts)), 1.0F);
    if (drop("router scale")) changed.scale = ones_.data();
    if (drop("per-expert scale")) changed.per_expert_scale = ones_.data();
    return base_->route(x, changed, eps);
  }
  void moe_ffn(Mat out, Mat x, const Routing& routing, const Weight& gate_up,
               const Weight& down) override {
    base_->moe_ffn(out, x, routing, gate_up, down);
  }
  void embed_patches(Mat out, std::span<const float> patches, const PatchGrid& image,
                     const Weight& proj, const Weight& positions) override {
    const Embed embed{out, image, proj, positions};
    if (drop("pixel scaling")) {
      std::vector<float> unscaled(patches.begin(), patches.end());
      for (float& value : unscaled) value = value / 2 + 0.5F;
      return base_->embed_patches(out, unscaled, image, proj, positions);
    }
    if (drop("order of x and y in positions")) return embed_swapped(embed, patches, false);
    if (drop("x position")) return embed_swapped(embed, patches, true);
    if (drop("y position")) return embed_strips(embed, patches, image.columns);
    base_->embed_patches(out, patches, image, proj, positions);
  }
  void rope_table_2d(Mat table, Images images, std::span<const float> inv_freq) override {
    std::vector<float> changed(inv_freq.begin(), inv_freq.end());
    if (drop("first frequency")) changed.front() = 0;
    if (drop("last frequency")) changed.back() = 0;
    base_->rope_table_2d(table, images, changed);
    const bool still_x = drop("x rotation"), still_y = drop("y rotation");
    const bool swap = drop("order of x and y in rotation");
    const std::int64_t half = table.cols / 2;
    for (std::int64_t i = 0; i < table.rows; ++i) {
      float* const row = table.row(i);
      if (still_x) stand_still(row, half);
      if (still_y) stand_still(row + half, half);
      if (swap) std::swap_ranges(row, row + half, row + half);
    }
  }
  void head_norm_rope_2d(Mat x, std::int64_t head_dim, const float* weight, float eps,
                         Mat table) override {
    const bool no_norm = drop("head norm"), no_rope = drop("rotation");
    if (drop("head norm weight")) weight = nullptr;
    still_.assign(static_cast<std::size_t>(x.rows * head_dim), 0);
    for (std::int64_t at = 0; at < std::ssize(still_); at += head_dim / 2)
      stand_still(still_.data() + at, head_dim / 2);
    const Mat turns = no_rope ? Mat{still_.data(), x.rows, head_dim} : table;
    if (no_norm) return rope_only_2d(x, head_dim, turns);
    base_->head_norm_rope_2d(x, head_dim, weight, eps, turns);
  }
  Result<std::unique_ptr<ImageKv>> make_image_kv(Images images, std::int64_t heads,
                                                 std::int64_t head_dim) override {
    std::vector<PatchGrid> strips;
    if (drop("sight of other rows"))
      for (const PatchGrid& image : images)
        for (std::int64_t y = 0; y < image.rows; ++y)
          strips.push_back({image.first_row + y * image.columns, image.columns, 1});
    return base_->make_image_kv(strips.empty() ? images : Images(strips), heads, head_dim);
  }
  void store_image_kv(ImageKv& kv, std::int64_t first_row, Mat k, Mat v) override {
    base_->store_image_kv(kv, first_row, k, v);
  }
  void image_attention(Mat out, Mat q, const ImageKv& kv, std::int64_t first_row,
                       float scale) override {
    if (drop("attention scale")) scale *= 0.5F;
    base_->image_attention(out, q, kv, first_row, scale);
  }
  void pool_patches(Mat out, Mat x, Images images, const Pooling& pooling) override {
    Pooling changed = pooling;
    ones_.assign(static_cast<std::size_t>(x.cols), 1.0F);
    still_.assign(static_cast<std::size_t>(x.cols), 0.0F);
    if (drop("root of the hidden size")) changed.factor = 1;
    if (drop("mean")) changed.factor *= static_cast<float>(pooling.kernel * pooling.kernel);
    if (drop("standardisation")) changed.bias = changed.scale = nullptr;
    if (drop("standard bias")) changed.bias = still_.data();
    if (drop("standard scale")) changed.scale = ones_.data();
    base_->pool_patches(out, x, images, changed);
  }
  void logits(Mat out, Mat x, const Weight& head, float softcap) override {
    base_->logits(out, x, head, softcap > 0 && drop("softcap") ? 0.0F : softcap);
  }

 private:
  bool drop(const char* what) {
    if (seen++ != target) return false;
    dropped = what;
    return true;
  }
  // Pairs (i, i + half) of 2 * half values, by half cosines and half sines.
  static void turn(float* head, std::int64_t half, const float* turns) {
    for (std::int64_t j = 0; j < half; ++j) {
      const float a = head[j], b = head[j + half];
      head[j] = a * turns[j] - b * turns[half + j];
      head[j + half] = b * turns[j] + a * turns[half + j];
    }
  }
  static void rope_only(Mat x, std::int64_t head_dim, Mat table) {
    if (!table.data) return;
    for (std::int64_t i = 0; i < x.rows; ++i)
      for (float* head = x.row(i); head < x.row(i) + x.cols; head += head_dim)
        turn(head, head_dim / 2, table.row(i));
  }
  static void rope_only_2d(Mat x, std::int64_t head_dim, Mat table) {
    for (std::int64_t i = 0; i < x.rows; ++i)
      for (float* head = x.row(i); head < x.row(i) + x.cols; head += head_dim)
        for (const std::int64_t axis : {std::int64_t{0}, head_dim / 2})
          turn(head + axis, head_dim / 4, table.row(i) + axis);
  }
  // Cosines 1, sines 0.
  static void stand_still(float* turns, std::int64_t count) {
    std::fill_n(turns, count / 2, 1.0F);
    std::fill_n(turns + count / 2, count / 2, 0.0F);
  }

  struct Embed {
    Mat out;
    PatchGrid image;
    const Weight &proj, &positions;
  };
  // As strips of `columns` patches, each an image of its own: y is 0 everywhere.
  void embed_strips(const Embed& to, std::span<const float> patches, std::int64_t columns) {
    for (std::int64_t row = 0; row < to.out.rows; row += columns)
      base_->embed_patches({to.out.row(row), columns, to.out.cols},
                           patches.subspan(static_cast<std::size_t>(row * to.proj.in),
                                           static_cast<std::size_t>(columns * to.proj.in)),
                           {0, columns, 1}, to.proj, to.positions);
  }
  // As the transposed image: x and y change places. In columns of one patch, each an image of its
  // own, x is 0 everywhere.
  void embed_swapped(const Embed& to, std::span<const float> patches, bool by_column) {
    const std::int64_t columns = to.image.columns, rows = to.image.rows, in = to.proj.in;
    std::vector<float> turned(patches.size());
    std::vector<float> embedded(static_cast<std::size_t>(to.out.rows * to.out.cols));
    const Mat tmp{embedded.data(), to.out.rows, to.out.cols};
    for (std::int64_t i = 0; i < to.out.rows; ++i)
      std::copy_n(patches.begin() + i * in, in,
                  turned.begin() + (i % columns * rows + i / columns) * in);
    if (!by_column) base_->embed_patches(tmp, turned, {0, rows, columns}, to.proj, to.positions);
    for (std::int64_t x = 0; by_column && x < columns; ++x)
      base_->embed_patches({tmp.row(x * rows), rows, tmp.cols},
                           std::span(turned).subspan(static_cast<std::size_t>(x * rows * in),
                                                     static_cast<std::size_t>(rows * in)),
                           {0, 1, rows}, to.proj, to.positions);
    for (std::int64_t i = 0; i < to.out.rows; ++i)
      std::copy_n(tmp.row(i % columns * rows + i / columns), tmp.cols, to.out.row(i));
  }

  std::unique_ptr<Backend> base_;
  std::vector<float> ones_, still_;
};

double last_rows_error(Mat got, const golden::Tensor& want) {
  return golden::relative_error({got.row(got.rows - want.shape.at(0)), want.values.size()},
                                want.values);
}

class Mutation : public testing::TestWithParam<const char*> {};

// error(target): how far the goldens are when the call number `target` is changed, -1: none.
template <class Error>
void expect_every_mutant_shows(const MutantBackend& mutant, const Error& error) {
  constexpr double kGoldenTolerance = 1e-4;
  ASSERT_LT(error(-1), kGoldenTolerance);
  const int mutants = mutant.seen;
  ASSERT_GT(mutants, 60);
  for (int target = 0; target < mutants; ++target)
    EXPECT_GT(error(target), 5 * kGoldenTolerance)
        << "dropping " << mutant.dropped << ", call " << target << ", is not seen";
}

TEST_P(Mutation, EveryDroppedDetailShows) {
  const std::string folder = golden::models_folder() + GetParam();
  const auto want = golden::read_tensors(folder + "/golden.safetensors");
  auto owned = std::make_unique<MutantBackend>(make_reference_backend());
  MutantBackend& mutant = *owned;
  golden::Model model(std::move(owned), folder);
  const auto error = [&](int target) {
    mutant.target = target;
    mutant.seen = 0;
    model.restart();
    // The last layer's scalar is undone by the final norm: it shows in the hidden states only.
    const std::string last = "hidden.layer." + std::to_string(model.config().layers.size() - 1);
    double hidden = 0;
    const auto tap = [&](std::string_view what, std::size_t layer, Mat values) {
      if (what == "layer" && layer + 1 == model.config().layers.size())
        hidden = last_rows_error(values, want.at(last));
    };
    const Mat logits = model.run(want.at("prompt.ids").ids, tap);
    return std::max(hidden, last_rows_error(logits, want.at("logits")));
  };
  expect_every_mutant_shows(mutant, error);
}

INSTANTIATE_TEST_SUITE_P(Models, Mutation, testing::Values("gemma4-moe", "gemma4-dense"));

TEST(VisionMutation, EveryDroppedDetailShows) {
  const auto want = golden::read_tensors(golden::vision_folder() + "/golden-vision.safetensors");
  auto owned = std::make_unique<MutantBackend>(make_reference_backend());
  MutantBackend& mutant = *owned;
  golden::Tower tower(std::move(owned), golden::vision_folder(), 27 * 12);
  constexpr std::size_t kImage = 3;  // not a square
  const auto error = [&](int target) {
    mutant.target = target;
    mutant.seen = 0;
    const Mat soft = tower.encode({kImage});
    return golden::relative_error({soft.data, static_cast<std::size_t>(soft.rows * soft.cols)},
                                  want.at(golden::kGrids[kImage].name() + ".soft").values);
  };
  expect_every_mutant_shows(mutant, error);
}

}  // namespace
}  // namespace g4
