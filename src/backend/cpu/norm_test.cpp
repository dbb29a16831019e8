#include <gmock/gmock.h>

#include "backend/cpu/machine_limits.h"
#include "backend/cpu/test_support.h"

namespace g4::cpu {
namespace {

class EveryIsa : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Backend> backend_ = cpu_backend(GetParam());
  std::unique_ptr<Backend> reference_ = make_reference_backend();
  Random random_{7};
};
INSTANTIATE_TEST_SUITE_P(Cpu, EveryIsa, testing::ValuesIn(machine_isas()),
                         [](const auto& tested) { return tested.param; });

TEST_P(EveryIsa, NormsMatchTheReference) {
  for (std::int64_t n : {1, 7, 15, 16, 17, 63, 64, 100, 257, 2816})
    for (std::int64_t rows : {1, 3, 40}) {
      Rows x(rows, n, random_), want(rows, n), got(rows, n);
      const std::vector<float> weight = random_.values(n);
      for (const float* w : {static_cast<const float*>(nullptr), weight.data()}) {
        reference_->rms_norm(want.mat(), x.mat(), w, 1e-6f);
        backend_->rms_norm(got.mat(), x.mat(), w, 1e-6f);
        expect_near(got, want, 2e-6, "rms_norm of " + std::to_string(n));
        Rows a = x, b = x;
        reference_->add_rms_norm(a.mat(), want.mat(), w, 1e-6f);
        backend_->add_rms_norm(b.mat(), want.mat(), w, 1e-6f);
        expect_near(b, a, 4e-6, "add_rms_norm of " + std::to_string(n));
      }
      backend_->rms_norm(x.mat(), x.mat(), weight.data(), 1e-6f);  // in place
      expect_near(x, got, 0, "in place");
    }
}

TEST_P(EveryIsa, ElementwiseOperationsMatchTheReference) {
  for (std::int64_t n : {1, 16, 33, 2816})
    for (std::int64_t rows : {1, 20}) {
      Rows x(rows, n, random_), y(rows, n, random_), a = x, b = x;
      reference_->add(a.mat(), y.mat());
      backend_->add(b.mat(), y.mat());
      EXPECT_EQ(a.values, b.values);
      reference_->scale(a.mat(), 0.3f);
      backend_->scale(b.mat(), 0.3f);
      EXPECT_EQ(a.values, b.values);
      backend_->copy(a.mat(), x.mat());
      EXPECT_EQ(a.values, x.values);
      const std::vector<std::int32_t> rows_wanted = {static_cast<std::int32_t>(rows - 1), 0};
      Rows picked(2, n);
      backend_->gather(picked.mat(), x.mat(), rows_wanted);
      EXPECT_TRUE(
          std::equal(picked.values.begin(), picked.values.begin() + n, x.mat().row(rows - 1)));
      EXPECT_TRUE(std::equal(picked.values.begin() + n, picked.values.end(), x.mat().row(0)));
    }
}

TEST_P(EveryIsa, EmbeddingsAreTheReferencesBits) {
  for (DType dtype : all_dtypes()) {
    const RandomTensor table(dtype, {50, 512}, random_);
    const std::vector<std::int32_t> ids = {0, 49, 17, 16, 15, 17};
    Rows want(6, 512), got(6, 512);
    reference_->embed(want.mat(), *reference_->load(table.source()).value(), ids, 53.0f);
    backend_->embed(got.mat(), *backend_->load(table.source()).value(), ids, 53.0f);
    EXPECT_EQ(got.values, want.values) << name(dtype);
  }
}

TEST_P(EveryIsa, HeadsAreNormedAndTurned) {
  for (std::int64_t dim : {2, 16, 64, 72, 256, 512}) {
    std::vector<float> inv_freq = random_.values(dim / 2);
    inv_freq[0] = 0;
    const BatchSequence sequences[] = {{0, 3, 5, {}, {}}, {3, 1, 100000, {}, {}}};
    Rows table(4, dim), want_table(4, dim);
    reference_->rope_table(want_table.mat(), sequences, inv_freq);
    backend_->rope_table(table.mat(), sequences, inv_freq);
    EXPECT_EQ(table.values, want_table.values);
    const std::vector<float> weight = random_.values(dim);
    for (bool turned : {false, true}) {
      Rows x(4, 3 * dim, random_), y = x;
      const Mat turns = turned ? table.mat() : Mat{};
      reference_->head_norm_rope(x.mat(), dim, weight.data(), 1e-6f, turns);
      backend_->head_norm_rope(y.mat(), dim, weight.data(), 1e-6f, turns);
      expect_near(y, x, 4e-6, "head of " + std::to_string(dim));
    }
  }
}

// Through ffn with an identity: out = gelu_tanh(x) * x, so the approximation of exp is seen.
TEST_P(EveryIsa, GeluIsAccurateEverywhere) {
  const std::int64_t n = 512;
  Random random(1);
  RandomTensor identity(DType::kF32, {std::uint64_t(n), std::uint64_t(n)}, random);
  for (std::int64_t i = 0; i < n * n; ++i) {
    const float value = i / n == i % n ? 1 : 0;
    std::memcpy(identity.bytes.data() + 4 * i, &value, 4);
  }
  Rows x(4, n), want(4, n), got(4, n);
  for (std::int64_t i = 0; i < 4 * n; ++i)
    x.values[std::size_t(i)] = (static_cast<float>(i) - 1024) / 64;  // -16 .. 16
  const auto slow = reference_->load(identity.source()).value();
  const auto fast = backend_->load(identity.source()).value();
  reference_->ffn(want.mat(), x.mat(), *slow, *slow, *slow);
  backend_->ffn(got.mat(), x.mat(), *fast, *fast, *fast);
  for (std::size_t i = 0; i < want.values.size(); ++i)
    ASSERT_NEAR(got.values[i], want.values[i], 2e-6 * std::fabs(double{want.values[i]}) + 1e-12)
        << "x = " << x.values[i];
}

TEST_P(EveryIsa, LimitsOfThisMachineAreMeasured) {
  const auto limits = measure_machine_limits(1, GetParam());
  ASSERT_TRUE(limits.has_value());
  EXPECT_GT(limits->int8_ops, limits->f32_flops);
  EXPECT_GE(limits->bf16_flops, 0.5 * limits->f32_flops);
  EXPECT_GT(limits->f32_flops, 1e9);
  EXPECT_GT(limits->read_bytes, 1e8);
}

}  // namespace
}  // namespace g4::cpu
