#include "sampling/softmax.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "sampling/rng.h"

namespace g4 {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(Philox, MatchesThePublishedVectors) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Uniform, IsEvenAndInsideTheUnitInterval) {
  std::vector<int> counts(100);
  for (std::uint64_t i = 0; i < 100000; ++i) {
    const double u = uniform(42, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++counts[static_cast<std::size_t>(u * 100)];
  }
  double chi_square = 0;
  for (const int c : counts) chi_square += (c - 1000.0) * (c - 1000.0) / 1000.0;
  EXPECT_LT(chi_square, 148.2);  // 99 degrees of freedom, p = 0.001
  EXPECT_NE(uniform(1, 0), uniform(2, 0));
  EXPECT_NE(uniform(1, 0), uniform(1, std::uint64_t{1} << 32));
}

TEST(Exp, IsCloseToTheLibrary) {
  for (float x = 0; x > -87; x -= 0.00391F) {
    const double want = std::exp(static_cast<double>(x));
    ASSERT_NEAR(static_cast<double>(exp_nonpositive(x)), want, want * 3e-7) << x;
    ASSERT_LE(exp_nonpositive(x), 1.0F);
  }
  EXPECT_EQ(exp_nonpositive(0), 1);
  EXPECT_EQ(exp_nonpositive(-100), 0);
  EXPECT_EQ(exp_nonpositive(-kInf), 0);
  EXPECT_EQ(exp_nonpositive(kNan), 0);
}

TEST(LogSumExp, MatchesAPlainSumAtAwkwardSizes) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 8);
  for (const std::size_t n : {1, 7, 8, 9, 63, 1023, 1024, 1025, 5000}) {
    std::vector<float> values(n);
    for (float& v : values) v = normal(random);
    double sum = 0;
    for (const float v : values) sum += std::exp(static_cast<double>(v));
    EXPECT_NEAR(static_cast<double>(log_sum_exp(values)), std::log(sum), 1e-5) << n;
    values[n / 2] = kNan;
    EXPECT_EQ(std::isnan(log_sum_exp(values)), false);
  }
  EXPECT_EQ(log_sum_exp(std::vector<float>{-kInf, kNan}), 0);
  EXPECT_EQ(log_sum_exp(std::vector<float>{1, kInf}), std::numeric_limits<float>::max());
}

TEST(SelectBest, EqualsAFullSort) {
  std::mt19937 random(2);
  std::vector<Candidate> best;
  for (int round = 0; round < 200; ++round) {
    const std::size_t n = 1 + random() % 3000;
    std::vector<float> values(n);
    const std::uint64_t distinct = 1 + random() % 50;  // many ties
    for (float& v : values) v = static_cast<float>(random() % distinct);
    if (round % 3 == 0) values[random() % n] = kNan;
    if (round % 5 == 0) values[random() % n] = -kInf;
    std::vector<Candidate> want(n);
    for (std::size_t i = 0; i < n; ++i)
      want[i] = {std::isnan(values[i]) ? -kInf : values[i], static_cast<TokenId>(i)};
    std::sort(want.begin(), want.end(), better);
    const std::size_t k = round % 7 == 0 ? n + 5 : random() % 200;
    select_best(values, k, best);
    ASSERT_EQ(best.size(), std::min(k, n));
    for (std::size_t i = 0; i < best.size(); ++i) ASSERT_EQ(best[i].id, want[i].id) << i;
  }
}

TEST(Exponentiate, GivesWeightsAndTheirSum) {
  std::vector<float> values = {1, 3, -kInf, 2};
  const double total = exponentiate(values, 3, 0.5F);
  EXPECT_NEAR(static_cast<double>(values[0]), std::exp(-4.0), 1e-7);
  EXPECT_EQ(values[1], 1);
  EXPECT_EQ(values[2], 0);
  EXPECT_NEAR(total, 1 + std::exp(-4.0) + std::exp(-2.0), 1e-6);
}

TEST(KeepUntil, EqualsTheDefinition) {
  std::mt19937 random(4);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> weights(1 + random() % 3000);
    for (float& w : weights) w = static_cast<float>(random() % 6) / 5;
    const Candidate cut{static_cast<float>(random() % 6) / 5,
                        round % 4 == 0 ? std::numeric_limits<TokenId>::max()
                                       : static_cast<TokenId>(random() % weights.size())};
    const float least = round % 2 == 0 ? 0.0F : 0.4F;
    std::vector<float> want = weights;
    double sum = 0;
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (want[i] < least || better(cut, {want[i], static_cast<TokenId>(i)})) want[i] = 0;
      sum += static_cast<double>(want[i]);
    }
    EXPECT_NEAR(keep_until(weights, cut, least), sum, 1e-3);
    ASSERT_EQ(weights, want);
  }
}

}  // namespace
}  // namespace g4
