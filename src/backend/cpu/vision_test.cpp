// The vision tower's operations against the reference on awkward sizes; images never see each
// other, and neither their neighbours nor the number of threads change a bit.
#include <gmock/gmock.h>

#include "backend/cpu/test_support.h"

namespace g4::cpu {
namespace {

// One patch, less than a group of 16, more than a run of 64 keys, more than a block of 32 queries.
const std::vector<PatchGrid> kImages = {
    {0, 1, 1}, {1, 3, 3}, {10, 13, 5}, {75, 3, 21}, {138, 2, 17}};
constexpr std::int64_t kRows = 172;

class VisionOps : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Backend> backend_ = cpu_backend(GetParam());
  std::unique_ptr<Backend> reference_ = make_reference_backend();
  Random random_{11};
};
INSTANTIATE_TEST_SUITE_P(Cpu, VisionOps, testing::ValuesIn(machine_isas()),
                         [](const auto& tested) { return tested.param; });

TEST_P(VisionOps, PatchesAreProjectedAndPlaced) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
    for (std::int64_t hidden : {1, 24, 72, 100})
      for (const PatchGrid& image : kImages) {
        const std::int64_t values = 3 * 7 * 7;
        const RandomTensor proj(dtype, {std::uint64_t(hidden), std::uint64_t(values)}, random_);
        const RandomTensor table(dtype, {2, 37, std::uint64_t(hidden)}, random_);
        const std::vector<float> patches = random_.values(image.size() * values);
        Rows want(image.size(), hidden), got(image.size(), hidden);
        reference_->embed_patches(want.mat(), patches, image,
                                  *reference_->load(proj.source()).value(),
                                  *reference_->load(table.source()).value());
        backend_->embed_patches(got.mat(), patches, image, *backend_->load(proj.source()).value(),
                                *backend_->load(table.source()).value());
        // bf16 columns: one part in 2^8 of each of 147 products.
        expect_near(got, want, dtype == DType::kBF16 ? 5e-2 : 5e-6,
                    std::string(name(dtype)) + " " + std::to_string(hidden));
      }
}

TEST_P(VisionOps, HeadsAreTurnedOnBothAxes) {
  for (std::int64_t dim : {4, 24, 64, 72, 132}) {
    const std::vector<float> inv_freq = random_.values(dim / 4), weight = random_.values(dim);
    Rows want_table(kRows, dim), table(kRows, dim);
    reference_->rope_table_2d(want_table.mat(), kImages, inv_freq);
    backend_->rope_table_2d(table.mat(), kImages, inv_freq);
    EXPECT_EQ(table.values, want_table.values);
    Rows want(kRows, 3 * dim, random_), got = want;
    reference_->head_norm_rope_2d(want.mat(), dim, weight.data(), 1e-6f, table.mat());
    backend_->head_norm_rope_2d(got.mat(), dim, weight.data(), 1e-6f, table.mat());
    expect_near(got, want, 4e-6, "head of " + std::to_string(dim));
  }
}

// Keys and values representable in f16, so that both backends see the same.
Rows halves(std::int64_t cols, Random& random) {
  Rows rows(kRows, cols, random);
  for (float& value : rows.values) value = f16_to_f32(f32_to_f16(value));
  return rows;
}

struct Heads {
  std::int64_t count, dim;
  std::int64_t cols() const { return count * dim; }
};

// All rows of the images at once.
void attend(Backend& backend, Images images, Heads heads, Mat out, Mat q, Mat k, Mat v) {
  const auto kv = backend.make_image_kv(images, heads.count, heads.dim).value();
  backend.store_image_kv(*kv, 0, k, v);
  backend.image_attention(out, q, *kv, 0, 0.7f);
}

TEST_P(VisionOps, AttentionSeesItsWholeImage) {
  for (std::int64_t count : {1, 3})
    for (std::int64_t dim : {4, 24, 72, 80}) {
      const Heads heads{count, dim};
      Rows q(kRows, heads.cols(), random_), want(kRows, heads.cols()), got(kRows, heads.cols());
      Rows k = halves(heads.cols(), random_), v = halves(heads.cols(), random_);
      attend(*reference_, kImages, heads, want.mat(), q.mat(), k.mat(), v.mat());
      attend(*backend_, kImages, heads, got.mat(), q.mat(), k.mat(), v.mat());
      expect_near(got, want, 2e-5, "head of " + std::to_string(dim));
      for (Backend* backend : {reference_.get(), backend_.get()}) {  // in place
        Rows both = q;
        attend(*backend, kImages, heads, both.mat(), both.mat(), k.mat(), v.mat());
        EXPECT_EQ(both.values, backend == reference_.get() ? want.values : got.values);
      }
    }
}

TEST_P(VisionOps, AnImageAloneGivesTheSameBits) {
  const Heads heads{2, 72};
  Rows q(kRows, heads.cols(), random_), k(kRows, heads.cols(), random_),
      v(kRows, heads.cols(), random_);
  Rows together(kRows, heads.cols());
  attend(*backend_, kImages, heads, together.mat(), q.mat(), k.mat(), v.mat());
  for (int threads : {1, 3}) {
    const auto other = cpu_backend(GetParam(), threads);
    for (const PatchGrid& image : kImages) {
      const PatchGrid own{0, image.columns, image.rows};
      const auto part = [&](Rows& rows) { return rows.part(image.first_row, image.size()); };
      Rows alone(image.size(), heads.cols());
      attend(*other, {&own, 1}, heads, alone.mat(), part(q), part(k), part(v));
      EXPECT_TRUE(std::equal(alone.values.begin(), alone.values.end(), part(together).data))
          << image.columns << "x" << image.rows << ", " << threads << " threads";
    }
  }
}

// Through groups of 16 and across images; a second layer's keys take the place of the first's.
TEST_P(VisionOps, AttentionCutAnywhereGivesTheSameBits) {
  const Heads heads{2, 72};
  for (Backend* backend : {reference_.get(), backend_.get()})
    for (std::int64_t step : {1, 7, 16, 40, 100}) {
      const auto kv = backend->make_image_kv(kImages, heads.count, heads.dim).value();
      for (int layer = 0; layer < 2; ++layer) {
        Rows q(kRows, heads.cols(), random_), k(kRows, heads.cols(), random_),
            v(kRows, heads.cols(), random_), want(kRows, heads.cols());
        attend(*backend, kImages, heads, want.mat(), q.mat(), k.mat(), v.mat());
        const auto in_parts = [&](const auto& f) {
          for (std::int64_t row = 0; row < kRows; row += step) f(row, std::min(step, kRows - row));
        };
        in_parts([&](std::int64_t row, std::int64_t rows) {
          backend->store_image_kv(*kv, row, k.part(row, rows), v.part(row, rows));
        });
        in_parts([&](std::int64_t row, std::int64_t rows) {
          backend->image_attention(q.part(row, rows), q.part(row, rows), *kv, row, 0.7f);
        });
        EXPECT_EQ(q.values, want.values) << backend->name() << ", parts of " << step;
      }
    }
}

TEST_P(VisionOps, PoolingAveragesAndStandardises) {
  const std::vector<PatchGrid> images = {{0, 6, 6}, {36, 6, 30}, {216, 12, 6}};
  const std::int64_t rows = 288;
  for (std::int64_t kernel : {1, 2, 3})
    for (std::int64_t cols : {1, 24, 72, 100}) {
      const std::vector<float> bias = random_.values(cols), scale = random_.values(cols);
      Rows x(rows, cols, random_);
      const std::int64_t tokens = rows / (kernel * kernel);
      for (bool standardised : {false, true}) {
        const Pooling pooling{kernel, 8.5f, standardised ? bias.data() : nullptr,
                              standardised ? scale.data() : nullptr};
        Rows want(tokens, cols), got(tokens, cols);
        reference_->pool_patches(want.mat(), x.mat(), images, pooling);
        backend_->pool_patches(got.mat(), x.mat(), images, pooling);
        expect_near(got, want, 5e-6, "pool by " + std::to_string(kernel));
      }
    }
}

}  // namespace
}  // namespace g4::cpu
