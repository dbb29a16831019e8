#include <gmock/gmock.h>

#include <algorithm>

#include "backend/cpu/test_support.h"

namespace g4::cpu {
namespace {

struct Router {
  std::vector<float> scale, proj, per_expert;
  RouterWeights weights;
  Router(std::int64_t experts, std::int64_t k, std::int64_t hidden, Random& random)
      : scale(random.values(hidden)),
        proj(random.values(experts * hidden)),
        per_expert(random.values(experts)),
        weights{scale.data(), proj.data(), per_expert.data(), experts, k} {}
};

TEST(CpuRoute, ChoosesTheReferencesExperts) {
  const auto reference = make_reference_backend();
  Random random(1);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (std::int64_t hidden : {16, 75, 704})
      for (std::int64_t rows : {1, 5, 40}) {
        const Router router(hidden == 75 ? 13 : 128, 4, hidden, random);
        Rows x(rows, hidden, random);
        const Routing want = reference->route(x.mat(), router.weights, 1e-6f);
        const Routing got = backend->route(x.mat(), router.weights, 1e-6f);
        ASSERT_EQ(got.k, 4);
        EXPECT_THAT(got.experts, testing::ElementsAreArray(want.experts));
        for (std::size_t i = 0; i < want.weights.size(); ++i)
          EXPECT_NEAR(got.weights[i], want.weights[i], 2e-5) << isa << " " << i;
        // Alone as in the crowd.
        const std::vector<float> crowd(got.weights.begin(), got.weights.end());
        for (std::int64_t i = 0; i < rows; ++i) {
          const Routing alone = backend->route(x.part(i, 1), router.weights, 1e-6f);
          EXPECT_TRUE(
              std::equal(alone.weights.begin(), alone.weights.end(), &crowd[std::size_t(4 * i)]));
        }
      }
  }
}

TEST(CpuRoute, TiesGoToTheLowerExpert) {
  Random random(2);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    Router router(20, 3, 32, random);
    std::fill(router.proj.begin(), router.proj.end(), 0.5f);
    Rows x(1, 32, random);
    EXPECT_THAT(backend->route(x.mat(), router.weights, 1e-6f).experts,
                testing::ElementsAre(0, 1, 2));
  }
}

struct Case {
  DType gate_up, down;
  std::int64_t hidden, width;
};

TEST(CpuMoe, MatchesTheReferenceAndDoesNotDependOnTheBatch) {
  const auto reference = make_reference_backend();
  Random random(3);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (Case c : {Case{DType::kQ4_0, DType::kQ4_0, 128, 96},
                   {DType::kQ4_K, DType::kQ8_0, 256, 160},
                   {DType::kQ6_K, DType::kQ5_0, 256, 32},
                   {DType::kBF16, DType::kBF16, 50, 37},
                   {DType::kF32, DType::kF32, 33, 21}}) {
      const std::int64_t experts = 7, k = 3, rows = 40;
      const auto size = [](std::int64_t n) { return static_cast<std::uint64_t>(n); };
      const RandomTensor first(c.gate_up, {size(experts), size(2 * c.width), size(c.hidden)},
                               random);
      const RandomTensor second(c.down, {size(experts), size(c.hidden), size(c.width)}, random);
      std::vector<std::int32_t> chosen;
      for (std::int64_t i = 0; i < rows; ++i) {
        std::vector<std::int32_t> all = {0, 1, 2, 3, 4, 5, 6};
        for (std::size_t j = 0; j < 3; ++j) std::swap(all[j], all[j + random.bits() % (7 - j)]);
        chosen.insert(chosen.end(), all.begin(), all.begin() + k);
      }
      const std::vector<float> weights = random.values(rows * k);
      Rows x(rows, c.hidden, random), want(rows, c.hidden), got(rows, c.hidden);
      reference->moe_ffn(want.mat(), x.mat(), {k, chosen, weights},
                         *reference->load(first.source()).value(),
                         *reference->load(second.source()).value());
      const auto gate_up = backend->load(first.source()).value();
      const auto down = backend->load(second.source()).value();
      backend->moe_ffn(got.mat(), x.mat(), {k, chosen, weights}, *gate_up, *down);
      double error = 0, total = 0;
      for (std::size_t i = 0; i < want.values.size(); ++i) {
        error += std::pow(static_cast<double>(got.values[i]) - want.values[i], 2);
        total += std::pow(static_cast<double>(want.values[i]), 2);
      }
      EXPECT_LT(std::sqrt(error / total), c.down == DType::kF32 ? 1e-5 : 0.02)
          << isa << " " << name(c.gate_up);
      for (std::int64_t n : {1, 2, 9, 17}) {  // rows from n on, n at a time
        Rows part(rows, c.hidden);
        for (std::int64_t i = 0; i < rows; i += n) {
          const std::int64_t count = std::min(n, rows - i);
          const auto at = static_cast<std::size_t>(i * k),
                     some = static_cast<std::size_t>(count * k);
          backend->moe_ffn(
              part.part(i, count), x.part(i, count),
              {k, std::span(chosen).subspan(at, some), std::span(weights).subspan(at, some)},
              *gate_up, *down);
        }
        EXPECT_EQ(part.values, got.values) << isa << " " << name(c.gate_up) << " by " << n;
      }
    }
  }
}

}  // namespace
}  // namespace g4::cpu
