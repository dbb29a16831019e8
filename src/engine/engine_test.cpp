#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <latch>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>

#include "engine/door.h"
#include "engine/test_support.h"

namespace g4 {
namespace {

using ::testing::HasSubstr;

TEST(Engine, GivesTheWordsOfThePlainLoop) {
  House house;
  for (const std::size_t n : {1, 2, 7, 8, 9, 31, 32, 33, 64, 65, 200, 1000}) {
    const EngineRequest r = request(random_prompt(n, static_cast<unsigned>(n)), 40);
    const Outcome got = house.run(r);
    EXPECT_EQ(got.tokens, expected(r)) << n;
    EXPECT_TRUE(got.prompt_logprobs.empty());
    EXPECT_EQ(got.finish.reason, FinishReason::kLength);
    EXPECT_EQ(got.finish.prompt_tokens, n);
    EXPECT_EQ(got.finish.output_tokens, 40u);
  }
  const EngineStats stats = house.engine.stats();
  EXPECT_EQ(stats.output_tokens, 12u * 40);
  EXPECT_EQ(stats.running, 0u);
  EXPECT_EQ(stats.global_blocks_used, 0u);
  EXPECT_EQ(stats.sliding_blocks_used, 0u);
}

TEST(Engine, StopTokensEndAndTheMinimumBansThem) {
  FakeRunnerOptions fake;
  fake.scripts = {{{5}, {10, 11, 12, 13}}};
  House house(fake);
  EngineRequest r = request({5}, 20);
  r.stop_tokens = {99, 12};
  Outcome got = house.run(r);
  EXPECT_EQ(got.tokens, (std::vector<TokenId>{10, 11}));
  EXPECT_EQ(got.finish.reason, FinishReason::kStop);
  EXPECT_EQ(got.finish.stop_token, 12);
  EXPECT_EQ(got.finish.output_tokens, 3u);
  r.output_tokens_min = 5;
  got = house.run(r);
  EXPECT_GE(got.tokens.size(), 5u);
  EXPECT_EQ(got.tokens, expected(r, fake.scripts));
  EXPECT_NE(got.tokens[2], 12);
}

TEST(Engine, ScoresAPromptAcrossChunks) {
  House house;
  for (const std::size_t n : {1, 2, 33, 100}) {
    EngineRequest r = request(random_prompt(n, 5), 0);
    r.prompt_logprobs = 2;
    const Outcome got = house.run(r);
    EXPECT_TRUE(got.tokens.empty());
    EXPECT_EQ(got.finish.reason, FinishReason::kLength);
    EXPECT_EQ(got.finish.output_tokens, 0u);
    ASSERT_EQ(got.prompt_logprobs.size(), n - 1);
    std::vector<float> logits(300);
    for (std::size_t i = 0; i + 1 < n; ++i) {
      fake_logits(std::span(r.prompt).first(i + 1), {}, logits);
      const SampledToken want = token_logprob(logits, r.prompt[i + 1], 2);
      ASSERT_EQ(got.prompt_logprobs[i].id, want.id);
      ASSERT_EQ(got.prompt_logprobs[i].logprob, want.logprob);
      ASSERT_EQ(got.prompt_logprobs[i].top.size(), 2u);
      ASSERT_EQ(got.prompt_logprobs[i].top[1].logprob, want.top[1].logprob);
    }
  }
}

TEST(Engine, RefusesAtTheDoorWithNumbers) {
  FakeRunnerOptions fake;
  fake.limits.context_tokens_max = 100;
  fake.limits.kv.global_blocks = 10;  // 80 positions
  House house(fake);
  Refusal refusal = house.refused(request({}, 5));
  EXPECT_EQ(refusal.kind, Refusal::Kind::kInvalid);
  refusal = house.refused(request(random_prompt(90, 1), 11));
  EXPECT_EQ(refusal.kind, Refusal::Kind::kTooLong);
  EXPECT_THAT(refusal.message, HasSubstr("90 prompt tokens and 11 output tokens"));
  EXPECT_THAT(refusal.message, HasSubstr("100"));
  refusal = house.refused(request({1}, ~std::uint64_t{0}));
  EXPECT_EQ(refusal.kind, Refusal::Kind::kTooLong);
  refusal = house.refused(request(random_prompt(70, 1), 12));
  EXPECT_EQ(refusal.kind, Refusal::Kind::kTooLong);
  EXPECT_THAT(refusal.message, HasSubstr("need 11 global"));
  EXPECT_THAT(refusal.message, HasSubstr("room for 80 tokens"));
  EXPECT_EQ(output_tokens_room(house.engine.limits(), 70), 11u);
  EXPECT_EQ(output_tokens_room(house.engine.limits(), 81), 0u);
  EXPECT_EQ(house.run(request(random_prompt(70, 1), 11)).tokens.size(), 11u);
  EXPECT_THAT(house.refused(request({1, 300}, 5)).message, HasSubstr("token 1 is 300"));
  EXPECT_THAT(house.refused(request({-1}, 5)).message, HasSubstr("-1"));
  EngineRequest bad = request({1}, 5);
  bad.sampling.top_p = 2;
  EXPECT_THAT(house.refused(bad).message, HasSubstr("top_p is 2"));
  bad = request({1}, 5);
  bad.stop_tokens = {500};
  EXPECT_THAT(house.refused(bad).message, HasSubstr("stop token 0 is 500"));
  bad = request({1}, 5);
  bad.output_tokens_min = 6;
  EXPECT_EQ(house.refused(bad).kind, Refusal::Kind::kInvalid);
  bad = request({1}, 5);
  bad.prompt_logprobs = 1000;
  EXPECT_THAT(house.refused(bad).message, HasSubstr("prompt_logprobs is 1000"));
}

TEST(Engine, TheQueueIsBoundedAndDrainRefuses) {
  FakeRunnerOptions fake;
  fake.step_delay = std::chrono::milliseconds(5);
  House house(fake, {.running_max = 1, .queue_max = 2, .suppressed = {}});
  std::vector<Collector> collectors(3);
  for (Collector& c : collectors)
    ASSERT_TRUE(
        std::holds_alternative<RequestId>(house.engine.submit(request({1, 2}, 5), c.sink())));
  const Refusal refusal = house.refused(request({1, 2}, 5));
  EXPECT_EQ(refusal.kind, Refusal::Kind::kQueueFull);
  EXPECT_THAT(refusal.message, HasSubstr("3 requests are running or waiting; 1 may run and 2"));
  for (Collector& c : collectors) EXPECT_EQ(c.wait().tokens.size(), 5u);
  Collector last;  // who has finished makes room
  ASSERT_TRUE(
      std::holds_alternative<RequestId>(house.engine.submit(request({1, 2}, 5), last.sink())));
  house.engine.drain();
  EXPECT_EQ(house.refused(request({1}, 1)).kind, Refusal::Kind::kStopping);
  EXPECT_EQ(last.wait().tokens.size(), 5u);
}

TEST(Engine, CancelsRunningAndWaitingRequests) {
  FakeRunnerOptions fake;
  fake.step_delay = std::chrono::milliseconds(2);
  House house(fake, {.running_max = 1, .queue_max = 8, .suppressed = {}});
  Collector running, waiting, last;
  const auto a = house.engine.submit(request({1}, 4000), running.sink());
  const auto b = house.engine.submit(request({2}, 4000), waiting.sink());
  const EngineRequest third = request({3}, 5);
  house.engine.submit(third, last.sink());
  house.engine.cancel(std::get<RequestId>(b));
  Outcome got = waiting.wait();
  EXPECT_EQ(got.finish.reason, FinishReason::kCancelled);
  EXPECT_TRUE(got.tokens.empty());
  house.engine.cancel(std::get<RequestId>(a));
  got = running.wait();
  EXPECT_EQ(got.finish.reason, FinishReason::kCancelled);
  EXPECT_EQ(got.finish.output_tokens, got.tokens.size());
  house.engine.cancel(std::get<RequestId>(a));  // finished: ignored
  house.engine.cancel(12345);
  EXPECT_EQ(last.wait().tokens, expected(third));
  EXPECT_EQ(house.engine.stats().global_blocks_used, 0u);
}

TEST(Engine, AFailedStepEndsItsRequestsOnly) {
  FakeRunnerOptions fake;
  fake.fail_at_step = 3;
  House house(fake);
  const Outcome got = house.run(request({1, 2, 3}, 50));
  EXPECT_EQ(got.finish.reason, FinishReason::kError);
  EXPECT_THAT(got.finish.error, HasSubstr("told to fail at step 3"));
  EXPECT_EQ(got.tokens.size(), 3u);
  const EngineRequest next = request({1, 2, 3}, 50);
  EXPECT_EQ(house.run(next).tokens, expected(next));

  FakeRunnerOptions throwing;
  throwing.on_step = [n = 0](std::span<const StepSequence>) mutable {
    if (n++ == 0) throw std::runtime_error("out of luck");
  };
  House other(throwing);
  EXPECT_THAT(other.run(request({1}, 5)).finish.error, HasSubstr("out of luck"));
  EXPECT_EQ(other.run(next).tokens, expected(next));
}

TEST(Engine, EightMixedRequestsEqualTheirAloneRuns) {
  House house;
  std::vector<EngineRequest> requests;
  std::vector<Collector> collectors(8);
  for (unsigned i = 0; i < 8; ++i) {
    EngineRequest r = request(random_prompt(1 + 137 * i % 301, i), 30 + 7 * i);
    r.sampling.seed = i;
    r.sampling.temperature = i % 3 == 0 ? 0.0F : 1.0F;
    r.sampling.repetition_penalty = i % 2 == 0 ? 1.2F : 1.0F;
    requests.push_back(r);
  }
  std::vector<RequestId> ids;
  for (unsigned i = 0; i < 8; ++i)
    ids.push_back(std::get<RequestId>(house.engine.submit(requests[i], collectors[i].sink())));
  house.engine.cancel(ids[3]);
  for (unsigned i = 0; i < 8; ++i) {
    const Outcome got = collectors[i].wait();
    const std::vector<TokenId> want = expected(requests[i]);
    if (got.finish.reason == FinishReason::kCancelled) {
      EXPECT_EQ(i, 3u);
      ASSERT_LE(got.tokens.size(), want.size());
      EXPECT_TRUE(std::equal(got.tokens.begin(), got.tokens.end(), want.begin()));
    } else {
      EXPECT_EQ(got.tokens, want) << i;
    }
  }
}

TEST(Engine, PreemptedRequestsGiveTheSameWords) {
  FakeRunnerOptions fake;
  fake.limits.kv.global_blocks = 30;  // 240 positions for six sequences of up to 112
  fake.limits.kv.sliding_blocks = 24;
  House house(fake);
  std::vector<EngineRequest> requests;
  std::vector<Collector> collectors(6);
  for (unsigned i = 0; i < 6; ++i) {
    EngineRequest r = request(random_prompt(12 + i, 50 + i), 100);
    r.prompt_logprobs = i % 2 == 0 ? std::optional<std::uint32_t>(1) : std::nullopt;
    requests.push_back(r);
    house.engine.submit(r, collectors[i].sink());
  }
  for (unsigned i = 0; i < 6; ++i) {
    const Outcome got = collectors[i].wait();
    EXPECT_EQ(got.finish.reason, FinishReason::kLength) << got.finish.error;
    EXPECT_EQ(got.tokens, expected(requests[i])) << i;
    EXPECT_EQ(got.prompt_logprobs.size(), i % 2 == 0 ? 11u + i : 0u);
  }
  EXPECT_GT(house.engine.stats().preemptions, 0u);
}

// The second prompt, 30 chunks long, loses its blocks to the first request half-way.
TEST(Engine, PreemptionInMidPromptScoresItOnce) {
  FakeRunnerOptions fake;
  fake.limits.chunk_tokens_max = 2;
  fake.limits.kv.global_blocks = 11;
  std::latch submitted(1);
  fake.on_step = [&](std::span<const StepSequence>) { submitted.wait(); };
  House house(fake);
  Collector first, second;
  const EngineRequest a = request(random_prompt(8, 1), 60);
  EngineRequest b = request(random_prompt(60, 2), 3);
  b.prompt_logprobs = 0;
  house.engine.submit(a, first.sink());
  house.engine.submit(b, second.sink());
  submitted.count_down();
  EXPECT_EQ(first.wait().tokens, expected(a));
  const Outcome got = second.wait();
  EXPECT_EQ(got.tokens, expected(b));
  EXPECT_EQ(house.engine.stats().preemptions, 1u);
  ASSERT_EQ(got.prompt_logprobs.size(), 59u);
  for (std::size_t i = 0; i < 59; ++i) EXPECT_EQ(got.prompt_logprobs[i].id, b.prompt[i + 1]);
}

TEST(Engine, AShortRequestDoesNotWaitForALongPrompt) {
  FakeRunnerOptions fake;
  std::latch submitted(1);
  fake.on_step = [&](std::span<const StepSequence>) { submitted.wait(); };
  House house(fake);
  std::vector<std::string> finished;  // engine thread, read after drain
  const auto note = [&](const char* name) {
    return [&finished, name](const EngineEvent& event) {
      if (std::holds_alternative<FinishEvent>(event)) finished.emplace_back(name);
    };
  };
  house.engine.submit(request(random_prompt(4000, 1), 1), note("long"));
  house.engine.submit(request({1, 2, 3}, 4), note("short"));
  submitted.count_down();
  house.engine.drain();
  EXPECT_EQ(finished, (std::vector<std::string>{"short", "long"}));
}

TEST(Engine, TheDestructorCancelsWhatRuns) {
  Collector running, waiting;
  {
    FakeRunnerOptions fake;
    fake.step_delay = std::chrono::milliseconds(1);
    House house(fake, {.running_max = 1, .queue_max = 8, .suppressed = {}});
    house.engine.submit(request({1}, 4000), running.sink());
    house.engine.submit(request({1}, 4000), waiting.sink());
  }
  EXPECT_EQ(running.wait().finish.reason, FinishReason::kCancelled);
  EXPECT_EQ(waiting.wait().finish.reason, FinishReason::kCancelled);
}

TEST(Engine, SleepsWhenIdle) {
  std::atomic<int> steps = 0;
  FakeRunnerOptions fake;
  fake.on_step = [&](std::span<const StepSequence>) { ++steps; };
  House house(fake);
  house.run(request({1, 2}, 3));
  EXPECT_EQ(steps, 3);
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 20);
  EXPECT_EQ(steps, 3);
}

TEST(Engine, SuppressedTokensNeverComeAndRandomSeedsDiffer) {
  House house({}, {.running_max = 8, .queue_max = 64, .suppressed = {0, 1, 2, 3}});
  EngineRequest r = request({9}, 400);
  r.sampling.seed.reset();
  r.sampling.top_k = 0;
  r.sampling.top_p = 1;
  const Outcome a = house.run(r);
  for (const TokenId id : a.tokens) EXPECT_GT(id, 3);
  EXPECT_NE(a.tokens, house.run(r).tokens);
}

// Many threads submit and cancel while KV is scarce. Every request ends once, and those that were
// not cancelled have exactly their words.
TEST(EngineStress, ManyThreadsSubmitAndCancel) {
  FakeRunnerOptions fake;
  fake.limits.kv.global_blocks = 40;
  fake.limits.kv.sliding_blocks = 30;
  House house(fake, {.running_max = 6, .queue_max = 12, .suppressed = {}});
  constexpr unsigned kThreads = 6, kRounds = 60;
  std::atomic<unsigned> cancelled = 0, finished = 0, refused = 0;
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      start.arrive_and_wait();
      for (unsigned i = 0; i < kRounds; ++i) {
        EngineRequest r = request(random_prompt(1 + random() % 60, t * 1000 + i), random() % 40);
        const EngineRequest copy = r;
        Collector collector;
        const auto result = house.engine.submit(std::move(r), collector.sink());
        const auto* id = std::get_if<RequestId>(&result);
        if (id == nullptr) {
          ASSERT_EQ(std::get<Refusal>(result).kind, Refusal::Kind::kQueueFull);
          ++refused;
          continue;
        }
        if (random() % 4 == 0) house.engine.cancel(*id);
        if (random() % 8 == 0) house.engine.cancel(*id + random() % 3);  // perhaps a neighbour's
        static_cast<void>(house.engine.stats());
        const Outcome got = collector.wait();
        if (got.finish.reason == FinishReason::kCancelled) {
          ++cancelled;
          continue;
        }
        ++finished;
        ASSERT_EQ(got.finish.reason, FinishReason::kLength) << got.finish.error;
        ASSERT_EQ(got.tokens, expected(copy));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  house.engine.drain();
  EXPECT_EQ(cancelled + finished + refused, kThreads * kRounds);
  EXPECT_GT(finished, 0u);
  EXPECT_GT(cancelled, 0u);
  const EngineStats stats = house.engine.stats();
  EXPECT_EQ(stats.running + stats.waiting, 0u);
  EXPECT_EQ(stats.global_blocks_used + stats.sliding_blocks_used, 0u);
}

// The fake itself: a table with a mistake must show.
TEST(FakeRunner, WrongTablesAndPositionsShow) {
  FakeRunnerOptions options;
  const auto words = [&](bool same_block, std::uint64_t n_past) {
    FakeRunner runner(options);
    SamplingParams greedy;
    greedy.temperature = 0;
    auto sampler = Sampler::create(greedy, 300, {}, {});
    const std::vector<TokenId> first = {1, 2, 3, 4, 5, 6, 7, 8}, second = {9, 10};
    const std::vector<BlockId> global = {4, same_block ? 4u : 7u}, sliding = {0, 1};
    StepSequence step;
    step.global_blocks = global;
    step.sliding_blocks = sliding;
    step.tokens = first;
    EXPECT_TRUE(runner.step({&step, 1}));
    step.tokens = second;
    step.n_past = n_past;
    step.sampler = &*sampler;
    auto outputs = runner.step({&step, 1});
    return outputs ? (*outputs)[0].sampled->id : -1;
  };
  std::vector<float> logits(300);
  fake_logits(std::vector<TokenId>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, {}, logits);
  const auto best = std::max_element(logits.begin(), logits.end()) - logits.begin();
  EXPECT_EQ(words(false, 8), best);
  EXPECT_NE(words(true, 8), best);
  EXPECT_NE(words(false, 7), best);
  EXPECT_NE(words(false, 9), best);
}

}  // namespace
}  // namespace g4
