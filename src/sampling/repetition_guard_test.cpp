#include "sampling/repetition_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>

namespace g4 {
namespace {

using ::testing::HasSubstr;

// How many tokens the guard lets pass before the alarm; none if it never comes.
std::optional<std::size_t> alarm(const RepetitionLimits& limits, const std::vector<TokenId>& tokens,
                                 Repetition* what = nullptr) {
  RepetitionGuard guard(limits);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const auto found = guard.push(tokens[i]);
    if (!found) continue;
    if (what) *what = *found;
    return i + 1;
  }
  return std::nullopt;
}

std::vector<TokenId> random_tokens(std::size_t n, unsigned seed, unsigned vocab = 100000) {
  std::mt19937 random(seed);
  std::vector<TokenId> tokens(n);
  for (TokenId& t : tokens) t = static_cast<TokenId>(random() % vocab);
  return tokens;
}

std::vector<TokenId> repeated(const std::vector<TokenId>& block, std::size_t times) {
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i < times; ++i) tokens.insert(tokens.end(), block.begin(), block.end());
  return tokens;
}

TEST(RepetitionGuard, FiresWhenTheDefaultsSay) {
  for (const std::size_t block : {1u, 2u, 7u, 100u, 128u, 129u, 300u, 512u}) {
    std::vector<TokenId> tokens = random_tokens(1000, 1);
    const std::vector<TokenId> loop = repeated(random_tokens(block, 2), 2000 / block + 8);
    tokens.insert(tokens.end(), loop.begin(), loop.end());
    Repetition what;
    EXPECT_EQ(alarm({}, tokens, &what), 1000 + std::max<std::size_t>(512, 4 * block)) << block;
    EXPECT_EQ(what.block_tokens, block);
    EXPECT_EQ(what.repeats, std::max<std::size_t>(512 / block, 4));
  }
  EXPECT_EQ(alarm({}, repeated(random_tokens(513, 2), 10)), std::nullopt);
  EXPECT_EQ(alarm({}, random_tokens(20000, 3)), std::nullopt);
}

// What vLLM's repetition_detection can ask for: short blocks, few repeats, no least length.
TEST(RepetitionGuard, TakesOtherLimits) {
  RepetitionLimits limits{
      .block_tokens_min = 3, .block_tokens_max = 10, .repeats_min = 3, .tokens_min = 0};
  EXPECT_EQ(alarm(limits, {1, 2, 3, 1, 2, 3, 1, 2, 3}), 9U);
  EXPECT_EQ(alarm(limits, {1, 2, 3, 1, 2, 3, 1, 2, 4}), std::nullopt);
  EXPECT_EQ(alarm(limits, {1, 2, 1, 2, 1, 2, 1, 2}), std::nullopt);
  EXPECT_EQ(alarm(limits, repeated({1, 2}, 6)), 12U);  // as a block of four
  Repetition what;
  EXPECT_EQ(alarm(limits, {5, 5, 5, 5, 5, 5, 5, 5, 5}, &what), 9U);
  EXPECT_EQ(what.block_tokens, 3U);
}

// Against a look at the whole history, over few different tokens, so that much repeats.
TEST(RepetitionGuard, EqualsThePlainSearch) {
  std::mt19937 random(4);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  int alarms = 0;
  for (int round = 0; round < 300; ++round) {
    RepetitionLimits limits;
    limits.block_tokens_max = 1 + below(20);
    limits.block_tokens_min = 1 + below(limits.block_tokens_max);
    limits.repeats_min = 2 + below(3);
    limits.tokens_min = below(12);
    std::vector<TokenId> tokens = random_tokens(200, static_cast<unsigned>(round), 2 + below(3));
    std::optional<std::size_t> want;
    for (std::size_t end = 1; end <= tokens.size() && !want; ++end) {
      for (std::size_t block = limits.block_tokens_min; block <= limits.block_tokens_max; ++block) {
        std::size_t equal = 0;
        while (equal + block < end && tokens[end - 1 - equal] == tokens[end - 1 - equal - block])
          ++equal;
        const std::size_t span = equal + block;
        if (equal > 0 && span >= limits.repeats_min * block && span >= limits.tokens_min)
          want = end;
      }
    }
    EXPECT_EQ(alarm(limits, tokens), want) << round;
    alarms += want ? 1 : 0;
  }
  EXPECT_GT(alarms, 50);
  EXPECT_LT(alarms, 200);
}

TEST(RepetitionGuard, LetsTextPass) {
  // Words, spaces and signs stand for tokens; then bytes do, which repeat much more.
  for (const char* const name : {"tests/data/perplexity.txt", "LICENSE", "README.md",
                                 "tests/golden/media/resize.json", "src/sampling/sampler.cpp"}) {
    std::ifstream file(std::string(G4_SOURCE_DIR "/") + name);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    ASSERT_GT(text.size(), 4000U) << name;
    std::vector<TokenId> words, bytes(text.begin(), text.end());
    std::map<std::string, TokenId> ids;
    for (std::size_t at = 0; at < text.size();) {
      std::size_t end = at + 1;
      if (std::isalpha(static_cast<unsigned char>(text[at])) != 0)
        while (end < text.size() && std::isalpha(static_cast<unsigned char>(text[end])) != 0) ++end;
      words.push_back(
          ids.emplace(text.substr(at, end - at), static_cast<TokenId>(ids.size())).first->second);
      at = end;
    }
    EXPECT_EQ(alarm({}, words), std::nullopt) << name;
    EXPECT_EQ(alarm({}, bytes), std::nullopt) << name;
  }
}

TEST(RepetitionGuard, LetsWantedRepetitionPass) {
  EXPECT_EQ(alarm({}, repeated({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, 50)), std::nullopt);  // a line
  EXPECT_EQ(alarm({}, repeated({1, 2}, 16 * 15)), std::nullopt);  // "0, " of a matrix of 16 x 15
  EXPECT_EQ(alarm({}, repeated({1}, 500)), std::nullopt);
  std::vector<TokenId> list;
  for (TokenId i = 0; i < 1000; ++i) list.insert(list.end(), {i, 2000, 2001, 2002, 2003});
  EXPECT_EQ(alarm({}, list), std::nullopt);  // numbered
}

TEST(RepetitionGuard, NamesLimitsOutOfRange) {
  EXPECT_TRUE(validate(RepetitionLimits{}));
  EXPECT_THAT(validate({.block_tokens_min = 0}).error().message, HasSubstr("blocks of 0 to 512"));
  EXPECT_FALSE(validate({.block_tokens_min = 9, .block_tokens_max = 8}));
  EXPECT_FALSE(validate({.block_tokens_max = 2049}));
  EXPECT_THAT(validate({.repeats_min = 1}).error().message, HasSubstr("at least 2"));
  EXPECT_EQ(alarm({.repeats_min = ~0U, .tokens_min = ~0U}, repeated({1}, 3000)), std::nullopt);
}

}  // namespace
}  // namespace g4
