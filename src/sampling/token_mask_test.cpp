// What a mask and a forced token do to a draw.
#include "text/token_mask.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <random>
#include <vector>

#include "sampling/sampler.h"

namespace g4 {
namespace {

using ::testing::HasSubstr;

constexpr float kInf = std::numeric_limits<float>::infinity();

Sampler make(const SamplingParams& params, std::size_t vocab_size, std::vector<TokenId> prompt = {},
             std::vector<TokenId> suppressed = {}) {
  auto sampler = Sampler::create(params, vocab_size, prompt, suppressed);
  EXPECT_TRUE(sampler) << (sampler ? "" : sampler.error().message);
  return std::move(sampler).value();
}

SamplingParams greedy() {
  SamplingParams params;
  params.temperature = 0;
  return params;
}

// Bits behind the vocabulary are set, as a library that masks a larger one leaves them.
std::vector<std::uint32_t> mask_of(const std::vector<TokenId>& ids, std::size_t vocab_size) {
  std::vector<std::uint32_t> mask(mask_words(vocab_size));
  for (std::size_t id = vocab_size; id < mask.size() * 32; ++id) mask[id / 32] |= 1U << id % 32;
  for (const TokenId id : ids) mask[static_cast<std::uint32_t>(id) / 32] |= 1U << id % 32;
  return mask;
}

TEST(TokenMask, CountsAndFinds) {
  for (const std::size_t vocab : {1u, 31u, 32u, 33u, 64u, 100u}) {
    const auto last = static_cast<TokenId>(vocab - 1);
    const std::vector<std::uint32_t> mask = mask_of({0, last}, vocab);
    EXPECT_EQ(mask.size(), (vocab + 31) / 32);
    EXPECT_EQ(mask_count(mask, vocab), vocab == 1 ? 1U : 2U);
    EXPECT_TRUE(mask_has(mask, last));
    EXPECT_EQ(mask_count(mask_of({}, vocab), vocab), 0U);
    if (vocab > 2) {
      EXPECT_FALSE(mask_has(mask, 1));
    }
  }
}

// allowed_tokens is the slow twin of a mask: the same draws, whatever else is asked.
TEST(Sampler, AMaskIsTheSameAsAListOfAllowedTokens) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 3);
  for (int round = 0; round < 400; ++round) {
    const std::size_t vocab = 1 + random() % 300;
    std::vector<TokenId> ids;
    const auto one_in = 1 + random() % 40;
    for (std::size_t id = 0; id < vocab; ++id)
      if (random() % one_in == 0) ids.push_back(static_cast<TokenId>(id));
    if (ids.empty()) ids.push_back(static_cast<TokenId>(random() % vocab));
    SamplingParams params;
    params.temperature = static_cast<float>(random() % 3);
    params.top_k = random() % 2 == 0 ? 0 : 5;
    params.top_p = random() % 2 == 0 ? 1.0F : 0.8F;
    params.min_p = random() % 4 == 0 ? 0.05F : 0.0F;
    params.frequency_penalty = random() % 2 == 0 ? 0.0F : 0.5F;
    params.seed = random();
    params.logprobs = 3;
    Sampler masked = make(params, vocab, {0});
    params.allowed_tokens = ids;
    Sampler listed = make(params, vocab, {0});
    const std::vector<std::uint32_t> mask = mask_of(ids, vocab);
    std::vector<float> logits(vocab);
    for (int draw = 0; draw < 5; ++draw) {
      for (float& x : logits) x = random() % 20 == 0 ? -kInf : normal(random);
      std::vector<float> a = logits, b = logits;
      const std::vector<TokenId> banned = {ids[random() % ids.size()]};
      const auto got = masked.sample(a, {.banned = banned, .allowed = mask});
      const auto want = listed.sample(b, {.banned = banned});
      ASSERT_TRUE(got && want);
      ASSERT_EQ(got->id, want->id) << round;
      ASSERT_EQ(got->logprob, want->logprob);
      ASSERT_EQ(got->rank, want->rank);
      ASSERT_TRUE(mask_has(mask, got->id));
    }
  }
}

// The model's own wish is reported, not what the mask has left of it.
TEST(Sampler, LogprobsAreOfTheLogitsBeforeAMask) {
  SamplingParams params = greedy();
  params.logprobs = 2;
  Sampler sampler = make(params, 4);
  const std::vector<float> logits = {1, 5, 2, 4};
  const std::vector<std::uint32_t> mask = mask_of({0, 2}, 4);
  std::vector<float> scratch = logits;
  const SampledToken got = sampler.sample(scratch, {.allowed = mask}).value();
  const SampledToken want = token_logprob(logits, 2, 2);
  EXPECT_EQ(got.id, 2);
  EXPECT_EQ(got.logprob, want.logprob);
  EXPECT_EQ(got.rank, 3U);
  ASSERT_EQ(got.top.size(), 2U);
  EXPECT_EQ(got.top[0].id, 1);
}

TEST(Sampler, ABanGivesWayToAMaskAndAnEmptyMaskIsAnError) {
  Sampler sampler = make(greedy(), 40, {}, {7});
  std::vector<float> logits(40, 1);
  const auto draw = [&](const std::vector<TokenId>& allowed, const std::vector<TokenId>& banned) {
    const std::vector<std::uint32_t> mask = mask_of(allowed, 40);
    std::vector<float> scratch = logits;
    return sampler.sample(scratch, {.banned = banned, .allowed = mask});
  };
  EXPECT_EQ(draw({3, 35}, {3})->id, 35);
  EXPECT_EQ(draw({3, 35}, {35, 3})->id, 3);
  EXPECT_EQ(draw({7, 35}, {35})->id, 35);  // 7 is never sampled
  EXPECT_THAT(draw({}, {}).error().message, HasSubstr("allows no token"));
  EXPECT_THAT(draw({7}, {}).error().message, HasSubstr("allows 1 tokens, none of which"));
  logits.assign(40, -kInf);
  EXPECT_EQ(draw({35, 38}, {35})->id, 38);
  SamplingParams params = greedy();
  params.allowed_tokens = {{4, 5}};
  sampler = make(params, 40);
  EXPECT_EQ(draw({5, 6}, {})->id, 5);
  EXPECT_THAT(draw({6}, {}).error().message, HasSubstr("none of which may be sampled"));
}

TEST(Sampler, AForcedTokenIsCountedAndScoredLikeADrawnOne) {
  SamplingParams params;
  params.temperature = 1;
  params.seed = 5;
  params.logprobs = 1;
  params.presence_penalty = 2;
  std::mt19937 random(9);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> logits(100);
  for (float& x : logits) x = normal(random);
  Sampler drawn = make(params, 100);
  Sampler forced = make(params, 100, {}, {});
  std::vector<SampledToken> tokens;
  for (int i = 0; i < 30; ++i) {
    std::vector<float> scratch = logits;
    tokens.push_back(drawn.sample(scratch).value());
    scratch = logits;
    const SampledToken same =
        forced.sample(scratch, i % 2 == 0 ? DrawLimits{.forced = tokens.back().id} : DrawLimits{})
            .value();
    EXPECT_EQ(same.id, tokens.back().id);
    EXPECT_EQ(same.logprob, tokens.back().logprob);
    EXPECT_EQ(same.rank, tokens.back().rank);
  }
  std::vector<float> scratch = logits;
  const std::vector<TokenId> banned = {42};
  const std::vector<std::uint32_t> none = mask_of({}, 100);
  Sampler never = make(params, 100, {}, {42});
  EXPECT_EQ(never.sample(scratch, {.banned = banned, .allowed = none, .forced = 42})->id, 42);
}

// Against the draw without a mask in the same build.
TEST(Sampler, AMaskCostsLittleInALargeVocabulary) {
  constexpr std::size_t kVocab = 262144;
  std::mt19937 random(13);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(kVocab);
  for (float& x : logits) x = normal(random);
  SamplingParams params;
  params.seed = 1;
  Sampler sampler = make(params, kVocab);
  const auto best_ms = [&](TokenMask mask) {
    double best = 1e9;
    for (int i = 0; i < 7; ++i) {
      std::vector<float> scratch = logits;
      const auto start = std::chrono::steady_clock::now();
      EXPECT_TRUE(sampler.sample(scratch, {.allowed = mask}));
      const std::chrono::duration<double, std::milli> took =
          std::chrono::steady_clock::now() - start;
      best = std::min(best, took.count());
    }
    return best;
  };
  std::vector<std::uint32_t> few(mask_words(kVocab)), half(few), most(few.size(), ~0U);
  few[77] = 0x10;
  for (std::uint32_t& word : half) word = static_cast<std::uint32_t>(random());
  const double without = best_ms({});
  const double sparse = best_ms(few), random_bits = best_ms(half), dense = best_ms(most);
  RecordProperty("milliseconds", fmt::format("no mask {:.2f}, few {:.2f}, half {:.2f}, all {:.2f}",
                                             without, sparse, random_bits, dense));
  EXPECT_LT(std::max({sparse, random_bits, dense}), without * 4 + 0.5);
}

}  // namespace
}  // namespace g4
