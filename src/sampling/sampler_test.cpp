#include "sampling/sampler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <random>

namespace g4 {
namespace {

using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplingParams greedy() {
  SamplingParams params;
  params.temperature = 0;
  return params;
}
SamplingParams plain(std::uint64_t seed) {  // temperature 1, everything else off
  SamplingParams params;
  params.top_k = 0;
  params.top_p = 1;
  params.seed = seed;
  return params;
}
Sampler make(const SamplingParams& params, std::size_t vocab_size, std::vector<TokenId> prompt = {},
             std::vector<TokenId> suppressed = {}) {
  auto sampler = Sampler::create(params, vocab_size, prompt, suppressed);
  EXPECT_TRUE(sampler) << (sampler ? "" : sampler.error().message);
  return std::move(sampler).value();
}
TokenId one(Sampler& sampler, std::vector<float> logits, std::vector<TokenId> banned = {}) {
  return sampler.sample(logits, {.banned = banned}).value().id;
}

// The distribution that transformers' warpers give, by a full sort.
std::vector<double> reference(const SamplingParams& params, const std::vector<float>& logits) {
  const std::size_t n = logits.size();
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
  });
  if (params.top_k != 0 && params.top_k < n) order.resize(params.top_k);
  std::vector<double> weights;
  for (const std::size_t i : order)
    weights.push_back(
        std::exp(static_cast<double>((logits[i] - logits[order[0]]) / params.temperature)));
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double cumulated = 0;
  std::size_t kept = 0;
  while (kept < order.size() && cumulated < static_cast<double>(params.top_p) * total)
    cumulated += weights[kept++];
  while (kept > 1 && weights[kept - 1] < static_cast<double>(params.min_p)) --kept;
  const double kept_total =
      std::accumulate(weights.begin(), weights.begin() + static_cast<std::ptrdiff_t>(kept), 0.0);
  std::vector<double> result(n);
  for (std::size_t i = 0; i < kept; ++i) result[order[i]] = weights[i] / kept_total;
  return result;
}

TEST(Sampler, DrawsTheReferenceDistribution) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 2);
  for (int round = 0; round < 16; ++round) {
    const std::size_t n = 20 + random() % 200;
    std::vector<float> logits(n);
    for (float& x : logits) x = normal(random);
    SamplingParams params = plain(random());
    params.temperature = 0.5F + 0.1F * static_cast<float>(random() % 12);
    params.top_k = round % 2 == 0 ? 0 : static_cast<std::uint32_t>(5 + random() % 20);
    params.top_p = round % 3 == 0 ? 1.0F : 0.5F + 0.04F * static_cast<float>(random() % 12);
    params.min_p = round % 4 == 3 ? 0.05F : 0.0F;
    const std::vector<double> want = reference(params, logits);
    Sampler sampler = make(params, n);
    constexpr int kDraws = 6000;
    std::vector<int> counts(n);
    for (int i = 0; i < kDraws; ++i) ++counts[static_cast<std::size_t>(one(sampler, logits))];
    double chi_square = 0;
    double rest_want = 0, rest_got = 0;
    int cells = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double expected = want[i] * kDraws;
      if (expected == 0) {
        ASSERT_EQ(counts[i], 0) << "round " << round << ": token " << i << " is cut off";
      } else if (expected < 10) {
        rest_want += expected;
        rest_got += counts[i];
      } else {
        chi_square += (counts[i] - expected) * (counts[i] - expected) / expected;
        ++cells;
      }
    }
    if (rest_want > 10) {
      chi_square += (rest_got - rest_want) * (rest_got - rest_want) / rest_want;
      ++cells;
    }
    const double degrees = std::max(cells - 1, 1);  // Wilson-Hilferty bound at p = 0.0001
    const double edge = 1 - 2 / (9 * degrees) + 3.72 * std::sqrt(2 / (9 * degrees));
    EXPECT_LT(chi_square, degrees * edge * edge * edge) << "round " << round;
  }
}

TEST(Sampler, TopPKeepsTheTokenThatCrosses) {
  // Probabilities 0.5, 0.3, 0.2; 0.6 needs two tokens.
  const std::vector<float> logits = {std::log(0.2F), std::log(0.5F), std::log(0.3F)};
  for (const std::uint32_t top_k : {0u, 2u}) {
    SamplingParams params = plain(3);
    params.top_p = 0.6F;
    params.top_k = top_k;
    Sampler sampler = make(params, 3);
    std::vector<int> counts(3);
    for (int i = 0; i < 400; ++i) ++counts[static_cast<std::size_t>(one(sampler, logits))];
    EXPECT_EQ(counts[0], 0);
    EXPECT_GT(counts[1], 200);
    if (top_k == 0) {
      EXPECT_GT(counts[2], 100);
    } else {
      EXPECT_EQ(counts[2], 0);  // of the two kept, the first alone has 0.625
    }
  }
}

TEST(Sampler, TopPStopsAtTheTokenThatReachesItExactly) {
  for (const std::uint32_t top_k : {0u, 3u}) {
    SamplingParams params = plain(3);
    params.top_p = 0.5F;
    params.top_k = top_k;
    Sampler sampler = make(params, 4);
    for (int i = 0; i < 100; ++i) EXPECT_EQ(one(sampler, {-kInf, 1, 1, -kInf}), 1);
  }
}

TEST(Sampler, TiesGoToTheLowestIds) {
  SamplingParams params = plain(5);
  const std::vector<float> flat(500, 1.0F);
  params.top_k = 3;
  Sampler by_k = make(params, 500);
  for (int i = 0; i < 200; ++i) EXPECT_LT(one(by_k, flat), 3);
  params.top_k = 0;
  params.top_p = 0.0101F;  // 6 of 500
  Sampler by_p = make(params, 500);
  TokenId largest = 0;
  for (int i = 0; i < 400; ++i) largest = std::max(largest, one(by_p, flat));
  EXPECT_EQ(largest, 5);
  Sampler best = make(greedy(), 500);
  EXPECT_EQ(one(best, flat), 0);
}

TEST(Sampler, GreedyTakesTheBestAndTemperatureZeroIgnoresTheRest) {
  SamplingParams params = greedy();
  params.top_p = 0.1F;
  params.min_p = 1;
  Sampler sampler = make(params, 4);
  EXPECT_EQ(one(sampler, {1, 5, 2, 5}), 1);
  EXPECT_EQ(one(sampler, {1, 5, 2, 6}), 3);
}

TEST(Sampler, SameSeedSameWords) {
  std::vector<float> logits(1000);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = std::sin(static_cast<float>(i));
  const auto words = [&](std::uint64_t seed, std::uint32_t top_k) {
    SamplingParams params = plain(seed);
    params.top_k = top_k;
    Sampler sampler = make(params, logits.size());
    std::vector<TokenId> ids;
    for (int i = 0; i < 50; ++i) ids.push_back(one(sampler, logits));
    return ids;
  };
  for (const std::uint32_t top_k : {0u, 64u}) {
    EXPECT_EQ(words(1, top_k), words(1, top_k));
    EXPECT_NE(words(1, top_k), words(2, top_k));
  }
}

TEST(Sampler, RepetitionPenaltyOverPromptAndOutput) {
  SamplingParams params = greedy();
  params.repetition_penalty = 2;
  Sampler sampler = make(params, 4, {0, 0, 3});
  // 0: 6 / 2 = 3 (once, though it stands twice in the prompt); 3: -1 * 2.
  EXPECT_EQ(one(sampler, {6, 3.5F, 1, -1}), 1);
  // Now 1 was output too: 3.5 / 2.
  EXPECT_EQ(one(sampler, {6, 3.5F, 1, -1}), 0);
  Sampler negative = make(params, 2, {0});
  EXPECT_EQ(one(negative, {-1, -1.5F}), 1);  // -1 * 2 < -1.5
}

TEST(Sampler, FrequencyAndPresencePenaltyOverOutputOnly) {
  SamplingParams params = greedy();
  params.frequency_penalty = 0.5F;
  Sampler frequency = make(params, 2, {0, 0, 0});
  // 0 wins while 2 - 0.5 * times >= 0.9: times 0, 1, 2.
  std::vector<TokenId> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(one(frequency, {2, 0.9F}));
  EXPECT_EQ(ids, (std::vector<TokenId>{0, 0, 0, 1}));

  params.frequency_penalty = 0;
  params.presence_penalty = 1;
  Sampler presence = make(params, 3, {0});
  ids.clear();
  for (int i = 0; i < 4; ++i) ids.push_back(one(presence, {2, 1.5F, 0.9F}));
  EXPECT_EQ(ids, (std::vector<TokenId>{0, 1, 0, 0}));  // then 1, 0.5, 0.9 for ever
}

TEST(Sampler, BiasAllowedSuppressedAndBanned) {
  SamplingParams params = greedy();
  params.logit_bias = {{2, 100.0F}, {0, -100.0F}};
  Sampler biased = make(params, 3);
  EXPECT_EQ(one(biased, {50, 40, 0}), 2);
  params = greedy();
  params.allowed_tokens = std::vector<TokenId>{3, 1, 3};
  Sampler allowed = make(params, 5, {}, {4});
  EXPECT_EQ(one(allowed, {9, 1, 9, 2, 9}), 3);
  EXPECT_EQ(one(allowed, {9, 1, 9, 2, 9}, {3}), 1);
  EXPECT_EQ(one(allowed, {9, 1, 9, 2, 9}, {3, 1}), 1);  // a ban of everything is void
  Sampler suppressed = make(greedy(), 3, {}, {1});
  EXPECT_EQ(one(suppressed, {0, 9, 1}), 2);
  params.allowed_tokens = std::vector<TokenId>{4};
  EXPECT_FALSE(Sampler::create(params, 5, {}, std::vector<TokenId>{4}));
  EXPECT_FALSE(Sampler::create(greedy(), 2, {}, std::vector<TokenId>{1, 0}));
}

TEST(Sampler, StrangeLogitsNeverCrash) {
  for (const float temperature : {0.0F, 1e-30F, 1.0F, 100.0F}) {
    for (const std::uint32_t top_k : {0u, 1u, 2u, 64u}) {
      for (const float top_p : {0.01F, 0.9F, 1.0F}) {
        SamplingParams params = plain(9);
        params.temperature = temperature;
        params.top_k = top_k;
        params.top_p = top_p;
        params.repetition_penalty = 1e-38F;
        params.logprobs = 3;
        Sampler sampler = make(params, 4, {2}, {0});
        const float big = std::numeric_limits<float>::max();
        EXPECT_EQ(one(sampler, {kNan, kNan, kNan, kNan}), 1);
        EXPECT_EQ(one(sampler, {1, -kInf, -kInf, kNan}), 1);
        EXPECT_EQ(one(sampler, {kInf, -kInf, 1, kNan}), 2);
        EXPECT_EQ(one(sampler, {0, -big, kNan, kInf}), 3);
        EXPECT_EQ(one(sampler, {kNan, kInf, -big, -big}), 1);
        EXPECT_EQ(one(sampler, {kNan, kNan, kNan, kNan}, {1, 2}), 3);
      }
    }
  }
}

TEST(Sampler, LogprobsAreOfTheRawLogits) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0, 4);
  std::vector<float> logits(3000);
  for (float& x : logits) x = normal(random);
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x));
  SamplingParams params = plain(2);
  params.temperature = 0.3F;
  params.logprobs = 5;
  params.logit_bias = {{17, 30.0F}};
  Sampler sampler = make(params, logits.size());
  std::vector<float> scratch = logits;
  const SampledToken token = sampler.sample(scratch).value();
  EXPECT_EQ(token.id, 17);
  EXPECT_NEAR(static_cast<double>(token.logprob), static_cast<double>(logits[17]) - std::log(sum),
              1e-5);
  ASSERT_EQ(token.top.size(), 5u);
  for (std::size_t i = 1; i < 5; ++i) EXPECT_GE(token.top[i - 1].logprob, token.top[i].logprob);

  params = greedy();
  params.logprobs = 1;
  Sampler best = make(params, logits.size());
  scratch = logits;
  const SampledToken top = best.sample(scratch).value();
  EXPECT_EQ(top.id, top.top[0].id);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(top.logprob),
            std::bit_cast<std::uint32_t>(top.top[0].logprob));
  const SampledToken scored = token_logprob(logits, top.id, 1);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(scored.logprob),
            std::bit_cast<std::uint32_t>(top.logprob));
  EXPECT_EQ(std::bit_cast<std::uint32_t>(scored.top[0].logprob),
            std::bit_cast<std::uint32_t>(top.logprob));
  EXPECT_TRUE(token_logprob(logits, 5, 0).top.empty());
}

TEST(Validate, NamesTheFieldOutOfRange) {
  const auto says = [](const std::function<void(SamplingParams&)>& change) {
    SamplingParams params;
    change(params);
    const Status status = validate(params, 10);
    return status ? std::string() : status.error().message;
  };
  EXPECT_EQ(says([](SamplingParams&) {}), "");
  EXPECT_THAT(says([](auto& p) { p.temperature = -0.1F; }), HasSubstr("temperature is -0.1"));
  EXPECT_THAT(says([](auto& p) { p.temperature = kNan; }), HasSubstr("temperature"));
  EXPECT_THAT(says([](auto& p) { p.temperature = 101; }), HasSubstr("temperature"));
  EXPECT_THAT(says([](auto& p) { p.top_p = 0; }), HasSubstr("top_p"));
  EXPECT_THAT(says([](auto& p) { p.top_p = 1.5F; }), HasSubstr("top_p"));
  EXPECT_THAT(says([](auto& p) { p.min_p = -1; }), HasSubstr("min_p"));
  EXPECT_THAT(says([](auto& p) { p.repetition_penalty = 0; }), HasSubstr("repetition_penalty"));
  EXPECT_THAT(says([](auto& p) { p.repetition_penalty = kInf; }), HasSubstr("repetition_penalty"));
  EXPECT_THAT(says([](auto& p) { p.frequency_penalty = 3; }), HasSubstr("frequency_penalty"));
  EXPECT_THAT(says([](auto& p) { p.presence_penalty = -3; }), HasSubstr("presence_penalty"));
  EXPECT_THAT(says([](auto& p) { p.logprobs = 101; }), HasSubstr("logprobs is 101"));
  EXPECT_THAT(says([](auto& p) { p.logit_bias = {{10, 1.0F}}; }), HasSubstr("token 10"));
  EXPECT_THAT(says([](auto& p) { p.logit_bias = {{1, kInf}}; }), HasSubstr("logit_bias"));
  EXPECT_THAT(says([](auto& p) { p.allowed_tokens.emplace(); }), HasSubstr("allowed_tokens"));
  EXPECT_THAT(says([](auto& p) { p.allowed_tokens = {{-1}}; }), HasSubstr("token -1"));
}

// Measured against a sort of the vocabulary in the same build, so that sanitizers and busy machines
// do not matter much.
TEST(Sampler, NeverSortsTheVocabulary) {
  constexpr std::size_t kVocab = 262144;
  std::mt19937 random(13);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(kVocab);
  for (float& x : logits) x = normal(random);
  const auto best_ms = [&](const std::function<void(std::vector<float>&)>& work) {
    double best = 1e9;
    for (int i = 0; i < 5; ++i) {
      std::vector<float> scratch = logits;
      const auto start = std::chrono::steady_clock::now();
      work(scratch);
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      best = std::min(best, took.count());
    }
    return best;
  };
  const auto sampling_ms = [&](const SamplingParams& params) {
    Sampler sampler = make(params, kVocab);
    return best_ms([&](std::vector<float>& scratch) { EXPECT_TRUE(sampler.sample(scratch)); });
  };
  const double sort =
      best_ms([](std::vector<float>& scratch) { std::sort(scratch.begin(), scratch.end()); });
  SamplingParams params;
  params.seed = 1;
  const double top_k = sampling_ms(params);
  params.top_k = 0;
  const double top_p = sampling_ms(params);
  params.logprobs = 20;
  const double logprobs = sampling_ms(params);
  RecordProperty("milliseconds",
                 fmt::format("sort {:.2f}, top-k {:.2f}, top-p {:.2f}, logprobs {:.2f}", sort,
                             top_k, top_p, logprobs));
  EXPECT_LT(top_k, sort / 2);
  EXPECT_LT(top_p, 2 * sort);
}

}  // namespace
}  // namespace g4
