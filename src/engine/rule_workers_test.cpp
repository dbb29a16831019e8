#include "engine/rule_workers.h"

#include <gtest/gtest.h>

#include <future>
#include <latch>

#include "engine/test_rules.h"

namespace g4 {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<AskedRule> asked(const TokenRuleMaker& maker, RuleTimes times = {}) {
  return std::make_shared<AskedRule>(maker().value(), 300, times);
}

constexpr RuleTimes kPatient = {.step_wait = milliseconds(60000), .work_max = milliseconds(60000)};

TEST(RuleWorkers, AnswerWithAMaskThatFollowsWhatWasAccepted) {
  std::promise<void> answered[2];
  int answers = 0;
  RuleWorkers workers(2, [&] { answered[answers++].set_value(); });
  const auto rule = asked(rule_that([](std::span<const TokenId> accepted,
                                       std::span<std::uint32_t> mask) -> Result<NextTokens> {
                            return only(mask, {accepted.empty() ? 7 : accepted.back() + 1});
                          }),
                          kPatient);
  workers.ask(rule, std::nullopt);
  ASSERT_TRUE(rule->wait() && *rule->wait());
  EXPECT_TRUE(mask_has(rule->mask(), 7));
  EXPECT_EQ(mask_count(rule->mask(), 300), 1U);
  answered[0].get_future().wait();
  workers.ask(rule, 99);
  ASSERT_TRUE(rule->wait());
  EXPECT_TRUE(mask_has(rule->mask(), 100));
  answered[1].get_future().wait();
}

TEST(RuleWorkers, ALateAnswerIsNotWaitedForAndMayBeOverdue) {
  std::latch go(1), within(1);
  RuleWorkers workers(1, [] {});
  const auto rule = asked(rule_that([&](auto, auto) -> Result<NextTokens> {
                            within.count_down();
                            go.wait();
                            return NextTokens(AnyToken{});
                          }),
                          {.step_wait = milliseconds(5), .work_max = milliseconds(20)});
  const auto queued =
      asked(changing(1), {.step_wait = milliseconds(5), .work_max = milliseconds(0)});
  workers.ask(rule, std::nullopt);
  within.wait();
  workers.ask(queued, std::nullopt);
  EXPECT_EQ(rule->wait(), nullptr);
  std::this_thread::sleep_for(milliseconds(30));
  EXPECT_TRUE(rule->overdue());
  EXPECT_FALSE(queued->overdue());  // it waits for a worker
  EXPECT_EQ(queued->answer(), nullptr);
  go.count_down();
  while (queued->answer() == nullptr) std::this_thread::yield();
  EXPECT_FALSE(rule->overdue());
  EXPECT_TRUE(rule->answer() && *rule->answer());
}

TEST(RuleWorkers, ARuleThatNobodyWaitsForIsNotAsked) {
  std::latch go(1), within(1);
  RuleWorkers workers(1, [] {});
  const auto first = asked(rule_that([&](auto, auto) -> Result<NextTokens> {
                             within.count_down();
                             go.wait();
                             return NextTokens(AnyToken{});
                           }),
                           kPatient);
  bool ran = false;
  auto dropped = asked(rule_that([&](auto, auto) -> Result<NextTokens> {
    ran = true;
    return NextTokens(AnyToken{});
  }));
  const auto last = asked(changing(1), kPatient);
  workers.ask(first, std::nullopt);
  within.wait();
  workers.ask(dropped, std::nullopt);
  workers.ask(last, std::nullopt);
  dropped.reset();
  go.count_down();
  EXPECT_TRUE(last->wait());
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace g4
