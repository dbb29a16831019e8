// Token rules in the engine: masks and forced tokens of many sequences, rules that fail, are slow
// or never answer, and what becomes of them when their request ends. And outputs that are stuck.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <ctime>
#include <latch>
#include <random>
#include <stdexcept>
#include <thread>

#include "engine/test_rules.h"
#include "engine/test_support.h"

namespace g4 {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using Accepted = std::span<const TokenId>;
using Mask = std::span<std::uint32_t>;

EngineOptions waits(milliseconds step_wait, milliseconds work_max = milliseconds(60000)) {
  EngineOptions options;
  options.rule_times = {.step_wait = step_wait, .work_max = work_max};
  return options;
}

// With step_wait 0 nearly every rule is late: its sequence leaves the steps and comes back. KV is
// scarce, so that sequences are preempted too, and sometimes while they are held.
TEST(EngineRules, GiveTheWordsOfThePlainLoopInAnyCompany) {
  for (const milliseconds step_wait : {milliseconds(0), milliseconds(1000)}) {
    FakeRunnerOptions fake;
    fake.limits.kv.global_blocks = 34;
    std::latch submitted(1);
    fake.on_step = [&](std::span<const StepSequence>) { submitted.wait(); };
    House house(fake, waits(step_wait));
    constexpr unsigned kRequests = 12;
    std::vector<Collector> collectors(kRequests);
    std::vector<std::shared_ptr<std::vector<TokenId>>> logs(kRequests);
    std::vector<EngineRequest> requests;
    for (unsigned i = 0; i < kRequests; ++i) {
      EngineRequest r = request(random_prompt(3 + 5 * i, i), 60);
      if (i % 4 != 3) r.rule = changing(i);
      requests.push_back(r);
      logs[i] = std::make_shared<std::vector<TokenId>>();
      if (r.rule) r.rule = changing(i, logs[i]);
      house.engine.submit(r, collectors[i].sink());
    }
    submitted.count_down();
    for (unsigned i = 0; i < kRequests; ++i) {
      const Outcome got = collectors[i].wait();
      EXPECT_EQ(got.finish.reason, FinishReason::kLength) << got.finish.error;
      EXPECT_EQ(got.tokens, expected(requests[i])) << i;
      if (!requests[i].rule) continue;
      // Each token once, also when it was computed again; the last one needs no rule.
      EXPECT_EQ(*logs[i], std::vector<TokenId>(got.tokens.begin(), got.tokens.end() - 1));
    }
    const EngineStats stats = house.engine.stats();
    EXPECT_GT(stats.preemptions, 0U);
    EXPECT_EQ(stats.output_tokens, kRequests * 60);
    if (step_wait == milliseconds(0)) {
      EXPECT_GT(stats.rules_late, 0U);
    }
  }
  EXPECT_EQ(ScriptedRule::alive, 0);
}

TEST(EngineRules, EveryRequestHasARuleOfItsOwn) {
  House house;
  EngineRequest r = request({5, 6}, 20);
  r.rule = changing(3);
  Collector first, second;
  house.engine.submit(r, first.sink());
  house.engine.submit(r, second.sink());
  EXPECT_EQ(first.wait().tokens, expected(r));
  EXPECT_EQ(second.wait().tokens, expected(r));
}

TEST(EngineRules, ForcedTokensAreScoredAndMayStop) {
  House house;
  EngineRequest r = request({5, 6}, 20);
  r.stop_tokens = {9};
  r.output_tokens_min = 20;
  r.sampling.logprobs = 1;
  r.rule = rule_that([](Accepted accepted, Mask) -> Result<NextTokens> {
    const std::vector<TokenId> words = {40, 41, 9};
    return NextTokens(ForcedToken{words[accepted.size()]});
  });
  const Outcome got = house.run(r);
  EXPECT_EQ(got.tokens, (std::vector<TokenId>{40, 41}));
  EXPECT_EQ(got.finish.reason, FinishReason::kStop);
  EXPECT_EQ(got.finish.stop_token, 9);
  EXPECT_EQ(got.finish.output_tokens, 3U);
  std::vector<float> logits(300);
  fake_logits(std::vector<TokenId>{5, 6, 40}, {}, logits);
  const SampledToken want = token_logprob(logits, 41, 1);
  EXPECT_EQ(got.sampled[1].logprob, want.logprob);
  EXPECT_EQ(got.sampled[1].rank, want.rank);
  EXPECT_EQ(got.sampled[1].top[0].id, want.top[0].id);
}

// A grammar that has ended allows nothing but to stop: so it is, whatever minimum was asked.
TEST(EngineRules, AMinimumOfTokensGivesWayToARule) {
  House house;
  EngineRequest r = request({5, 6}, 20);
  r.stop_tokens = {9, 10};
  r.output_tokens_min = 15;
  r.rule = rule_that([](Accepted accepted, Mask mask) -> Result<NextTokens> {
    if (accepted.size() < 3) return only(mask, {9, 10, 77});
    return only(mask, {10});
  });
  const Outcome got = house.run(r);
  EXPECT_EQ(got.tokens, (std::vector<TokenId>{77, 77, 77}));
  EXPECT_EQ(got.finish.reason, FinishReason::kStop);
  EXPECT_EQ(got.finish.stop_token, 10);
}

TEST(EngineRules, ARuleThatFailsEndsItsRequestOnly) {
  struct Case {
    ScriptedRule::Next next;
    ScriptedRule::Accept accept;
    const char* sentence;
  };
  const auto any = [](Accepted, Mask) -> Result<NextTokens> { return NextTokens(AnyToken{}); };
  const auto third = [](auto act) {
    return [act](Accepted accepted, Mask mask) -> Result<NextTokens> {
      if (accepted.size() < 2) return NextTokens(AnyToken{});
      return act(mask);
    };
  };
  const std::vector<Case> cases = {
      {third([](Mask) -> Result<NextTokens> { return Error{"the grammar is at its end"}; }),
       {},
       "the grammar is at its end"},
      {third([](Mask mask) { return only(mask, {}); }), {}, "its constraint allows no token"},
      {third([](Mask mask) { return only(mask, {3}); }), {}, "none of which may be sampled"},
      {third([](Mask) { return NextTokens(ForcedToken{300}); }), {}, "wants token 300"},
      {third([](Mask) -> NextTokens { throw std::runtime_error("odd"); }), {}, "failed: odd"},
      {any,
       [n = 0](TokenId) mutable -> Status {
         if (++n < 2) return {};
         return Error{"that token is not in the grammar"};
       },
       "that token is not in the grammar"},
  };
  EngineOptions options;
  options.suppressed = {3};
  House house({}, options);
  EngineRequest words = request({1, 2, 3}, 200);
  words.sampling.allowed_tokens = {{20, 21, 22, 23, 24}};
  const std::vector<TokenId> want = expected(words);
  for (const Case& c : cases) {
    Collector beside, failing;
    EngineRequest r = request({7, 8}, 20);
    r.rule = rule_that(c.next, c.accept);
    house.engine.submit(words, beside.sink());
    house.engine.submit(r, failing.sink());
    const Outcome got = failing.wait();
    EXPECT_EQ(got.finish.reason, FinishReason::kError);
    EXPECT_THAT(got.finish.error, HasSubstr(c.sentence));
    EXPECT_EQ(got.tokens.size(), 2U) << c.sentence;
    EXPECT_EQ(beside.wait().tokens, want);
  }
}

TEST(EngineRules, AMakerThatFailsRefuses) {
  House house;
  EngineRequest r = request({7, 8}, 20);
  r.rule = []() -> Result<std::unique_ptr<TokenRule>> { return Error{"no such grammar"}; };
  const Refusal refusal = house.refused(r);
  EXPECT_EQ(refusal.kind, Refusal::Kind::kInvalid);
  EXPECT_EQ(refusal.message, "no such grammar");
  r.output_tokens_max = 0;  // nothing will be drawn
  EXPECT_EQ(house.run(r).finish.reason, FinishReason::kLength);
}

// Waits in its third next() until the test lets it go.
TokenRuleMaker waiting_for(std::latch& latch) {
  return rule_that([&latch](Accepted accepted, Mask mask) {
    if (accepted.size() == 2) latch.wait();
    return changing_rule(5, accepted, mask);
  });
}

TEST(EngineRules, ASlowRuleHoldsUpNobodyElse) {
  House house({}, waits(milliseconds(1)));
  std::latch go(1);
  EngineRequest slow = request({7, 8}, 20);
  slow.rule = waiting_for(go);
  EngineRequest words = request({1, 2, 3}, 300), ruled = request({4, 5}, 100);
  ruled.rule = changing(8);
  Collector slow_one, others[2];
  house.engine.submit(slow, slow_one.sink());
  house.engine.submit(words, others[0].sink());
  house.engine.submit(ruled, others[1].sink());
  EXPECT_EQ(others[0].wait().tokens, expected(words));
  EXPECT_EQ(others[1].wait().tokens, expected(ruled));
  // Alone and late it costs nothing: neither steps nor time.
  while (house.engine.stats().rules_late == 0) std::this_thread::yield();
  std::this_thread::sleep_for(milliseconds(30));
  const std::uint64_t steps = house.engine.stats().steps;
  const std::clock_t before = std::clock();
  std::this_thread::sleep_for(milliseconds(200));
  EXPECT_EQ(house.engine.stats().steps, steps);
  EXPECT_LT(std::clock() - before, CLOCKS_PER_SEC / 20);
  EXPECT_EQ(house.engine.stats().running, 1U);
  go.count_down();
  EXPECT_EQ(slow_one.wait().tokens, expected(slow));
}

TEST(EngineRules, ARuleThatNeverAnswersEndsItsRequest) {
  std::latch go(1);
  House house({}, waits(milliseconds(1), milliseconds(200)));
  EngineRequest slow = request({7, 8}, 20);
  slow.rule = waiting_for(go);
  const Outcome got = house.run(slow);
  EXPECT_EQ(got.finish.reason, FinishReason::kError);
  EXPECT_THAT(got.finish.error, HasSubstr("took longer than 200 ms"));
  EXPECT_EQ(got.tokens.size(), 2U);
  EngineRequest ruled = request({4, 5}, 100);  // another worker has it
  ruled.rule = changing(8);
  EXPECT_EQ(house.run(ruled).tokens, expected(ruled));
  EXPECT_EQ(house.engine.stats().global_blocks_used, 0U);
  go.count_down();
}

// What is computed again after the prompt's last position is the whole image that stands there.
TEST(EngineRules, ALateRuleAfterAnImageComputesItAgain) {
  FakeRunnerOptions fake;
  fake.limits.image_tokens_max = 20;
  fake.image_slices = 3;
  int with_image = 0;
  fake.on_step = [&](std::span<const StepSequence> sequences) {
    const std::uint64_t end = sequences[0].n_past + sequences[0].tokens.size();
    with_image += static_cast<int>(sequences[0].images.size());
    if (end == 30) {
      EXPECT_EQ(sequences[0].images.size(), 1U);
    }
  };
  House house(fake, waits(milliseconds(0)));
  for (const std::uint64_t tokens : {1, 15}) {
    EngineRequest r = request(random_prompt(30, 4), 10);
    auto image = std::make_shared<ImageInput>();
    image->key = "a";
    image->soft_tokens = static_cast<std::uint32_t>(tokens);
    r.images = {{30 - tokens, 30, image}};
    r.prompt_logprobs = 1;
    const std::uint64_t late = house.engine.stats().rules_late;
    r.rule = rule_that([&house, late](Accepted accepted, Mask mask) {
      while (accepted.empty() && house.engine.stats().rules_late == late) std::this_thread::yield();
      return changing_rule(2, accepted, mask);
    });
    const Outcome got = house.run(r);
    r.rule = changing(2);
    EXPECT_EQ(got.tokens, expected(r)) << got.finish.error;
    EXPECT_EQ(got.prompt_logprobs.size(), 29U);
  }
  house.engine.drain();
  EXPECT_EQ(with_image, 4);
  EXPECT_GT(house.engine.stats().rules_late, 1U);
}

TEST(EngineRules, ACancelledRequestLeavesItsRuleToTheWorker) {
  std::latch go(1), within(1);
  {
    House house({}, waits(milliseconds(1)));
    EngineRequest r = request({7, 8}, 20);
    r.rule = rule_that([&](Accepted, Mask) -> Result<NextTokens> {
      within.count_down();
      go.wait();
      return NextTokens(AnyToken{});
    });
    Collector collector;
    const auto id = std::get<RequestId>(house.engine.submit(r, collector.sink()));
    within.wait();
    while (house.engine.stats().rules_late == 0) std::this_thread::yield();
    house.engine.cancel(id);
    EXPECT_EQ(collector.wait().finish.reason, FinishReason::kCancelled);
    EXPECT_EQ(house.run(request({1}, 5)).tokens.size(), 5U);  // nothing looks for it any more
    house.engine.drain();
    EXPECT_EQ(ScriptedRule::alive, 1);
    go.count_down();
  }
  EXPECT_EQ(ScriptedRule::alive, 0);
}

TEST(EngineRules, TheDestructorWaitsForRulesAtWork) {
  Collector collectors[6];
  {
    std::atomic<bool> within = false;
    EngineOptions options = waits(milliseconds(1));
    options.rule_threads = 1;
    House house({}, options);
    for (Collector& collector : collectors) {
      EngineRequest r = request({7, 8}, 20);
      r.rule = rule_that([&](Accepted, Mask) -> Result<NextTokens> {
        within = true;
        within.notify_all();
        std::this_thread::sleep_for(milliseconds(50));
        return NextTokens(AnyToken{});
      });
      house.engine.submit(r, collector.sink());
    }
    within.wait(false);
  }
  for (Collector& collector : collectors)
    EXPECT_EQ(collector.wait().finish.reason, FinishReason::kCancelled);
  EXPECT_EQ(ScriptedRule::alive, 0);
}

TEST(EngineRulesStress, ManyThreadsSubmitAndCancel) {
  FakeRunnerOptions fake;
  fake.limits.kv.global_blocks = 40;
  fake.limits.kv.sliding_blocks = 30;
  EngineOptions options = waits(milliseconds(0));
  options.running_max = 6;
  House house(fake, options);
  constexpr unsigned kThreads = 6, kRounds = 40;
  std::atomic<unsigned> cancelled = 0, finished = 0, failed = 0;
  std::latch start(kThreads);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      start.arrive_and_wait();
      for (unsigned i = 0; i < kRounds; ++i) {
        EngineRequest r =
            request(random_prompt(1 + random() % 60, t * 1000 + i), 1 + random() % 40);
        const unsigned seed = static_cast<unsigned>(random());
        const bool fails = random() % 5 == 0;
        if (random() % 3 != 0)
          r.rule = rule_that([=](Accepted accepted, Mask mask) -> Result<NextTokens> {
            if (accepted.size() % 8 == 7)
              std::this_thread::sleep_for(std::chrono::microseconds(300));
            if (fails && accepted.size() == 3) return Error{"here it ends"};
            return changing_rule(seed, accepted, mask);
          });
        const EngineRequest copy = r;
        Collector collector;
        const auto id = std::get<RequestId>(house.engine.submit(std::move(r), collector.sink()));
        if (random() % 4 == 0) house.engine.cancel(id);
        const Outcome got = collector.wait();
        if (got.finish.reason == FinishReason::kCancelled) {
          ++cancelled;
        } else if (got.finish.reason == FinishReason::kError) {
          ++failed;
          ASSERT_EQ(got.finish.error, "here it ends");
          ASSERT_EQ(got.tokens.size(), 3U);
        } else {
          ++finished;
          ASSERT_EQ(got.tokens, expected(copy));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  house.engine.drain();
  EXPECT_EQ(cancelled + finished + failed, kThreads * kRounds);
  EXPECT_GT(finished, 0U);
  EXPECT_GT(cancelled, 0U);
  EXPECT_GT(failed, 0U);
  const EngineStats stats = house.engine.stats();
  EXPECT_EQ(stats.running + stats.waiting, 0U);
  EXPECT_EQ(stats.global_blocks_used + stats.sliding_blocks_used, 0U);
}

TEST(EngineRepetition, AnOutputThatIsStuckEnds) {
  FakeRunnerOptions fake;
  std::vector<TokenId> loop;
  for (int i = 0; i < 200; ++i) loop.insert(loop.end(), {20, 21, 22});
  fake.scripts = {{{5}, loop}};
  House house(fake);
  EngineRequest r = request({5}, 590);
  EXPECT_EQ(house.run(r).finish.reason, FinishReason::kLength);  // nobody has asked
  r.repetition = RepetitionLimits{};
  const Outcome got = house.run(r);
  EXPECT_EQ(got.finish.reason, FinishReason::kRepetition);
  EXPECT_EQ(got.tokens.size(), 512U);
  EXPECT_EQ(got.finish.output_tokens, 512U);
  ASSERT_TRUE(got.finish.repetition);
  EXPECT_EQ(got.finish.repetition->block_tokens, 3U);
  r.output_tokens_max = 512;
  EXPECT_EQ(house.run(r).finish.reason, FinishReason::kLength);
}

TEST(EngineRepetition, WorksUnderARule) {
  House house;
  EngineRequest r = request({5}, 590);
  r.repetition = {.block_tokens_min = 2, .block_tokens_max = 8, .repeats_min = 3, .tokens_min = 0};
  r.rule = rule_that([](Accepted accepted, Mask mask) -> Result<NextTokens> {
    if (accepted.size() < 10) return changing_rule(1, accepted, mask);
    return only(mask, {static_cast<TokenId>(30 + accepted.size() % 5)});
  });
  const Outcome got = house.run(r);
  EXPECT_EQ(got.finish.reason, FinishReason::kRepetition);
  EXPECT_EQ(got.tokens.size(), 25U);
  r.repetition->repeats_min = 1;
  EXPECT_THAT(house.refused(r).message, HasSubstr("at least 2"));
}

}  // namespace
}  // namespace g4
