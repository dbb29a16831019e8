// The real probe program: what a hostile grammar costs, and what becomes of the next one.
#include "grammar/probe.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "grammar/test_probe.h"
#include "grammar/test_vocabulary.h"

namespace g4::grammar {

struct UncheckedText {
  static GrammarText of(std::string lark) { return GrammarText(std::move(lark)); }
};

namespace {

using Fault = GrammarError::Fault;
using test::OtherProbe;
using test::RealVocabulary;

GrammarText easy() { return UncheckedText::of("start: \"yes\" | \"no\"\n"); }
// 39 bytes of schema for which llguidance works a minute and takes 1.5 GB.
GrammarText endless() {
  return UncheckedText::of("start: %json {\"type\":\"integer\",\"multipleOf\":9999991}\n");
}

void expect_passes(Probe& probe) {
  const auto objection = probe.objection(easy());
  EXPECT_FALSE(objection) << objection->message;
}

void expect_too_dear(Probe& probe, const GrammarText& text) {
  const auto start = std::chrono::steady_clock::now();
  const auto objection = probe.objection(text);
  ASSERT_TRUE(objection);
  EXPECT_EQ(objection->fault, Fault::kClient);
  EXPECT_EQ(objection->message,
            "the grammar takes too much time or memory; fewer or simpler parts may do");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(15));
}

class ProbeProgram : public testing::Test {
 protected:
  // One for all tests: it needs a second to start.
  static void SetUpTestSuite() { probe_ = new Probe(RealVocabulary::get().table); }
  static void TearDownTestSuite() {
    delete probe_;
    probe_ = nullptr;
  }
  static Probe& probe() { return *probe_; }

 private:
  static Probe* probe_;
};
Probe* ProbeProgram::probe_ = nullptr;

TEST_F(ProbeProgram, LetsAGrammarPassOrSaysWhyNot) {
  expect_passes(probe());
  const auto refused = probe().objection(UncheckedText::of("start: missing_rule\n"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->fault, Fault::kClient);
  EXPECT_NE(refused->message.find("missing_rule"), std::string::npos) << refused->message;
  EXPECT_EQ(refused->message.find('\n'), std::string::npos) << refused->message;
  const auto stuck =
      probe().objection(UncheckedText::of("start: %json {\"anyOf\":[{\"$ref\":\"#\"}]}\n"));
  ASSERT_TRUE(stuck);
  EXPECT_TRUE(stuck->message.starts_with("no answer can satisfy it")) << stuck->message;
  expect_passes(probe());
}

TEST_F(ProbeProgram, OutlivesAGrammarThatHangs) {
  expect_too_dear(probe(), endless());
  expect_passes(probe());
}

TEST_F(ProbeProgram, TakesMasksToo) {
  // Compiles in a millisecond; its first mask takes a second.
  const auto refused = probe().objection(UncheckedText::of("start: /((a{100}){100}){100}/\n"));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->fault, Fault::kClient);
  EXPECT_NE(refused->message.find("too "), std::string::npos) << refused->message;
  expect_passes(probe());
}

TEST_F(ProbeProgram, OutlivesAGrammarThatCrashes) {
  std::string rules = "start: a0\n";
  for (int i = 0; i < 200'000; ++i) rules += fmt::format("a{}: a{} \"x\"\n", i, i + 1);
  expect_too_dear(probe(), UncheckedText::of(rules + "a200000: \"y\"\n"));
  expect_passes(probe());
}

TEST_F(ProbeProgram, TakesNoGrammarOfManyMegabytes) {
  expect_too_dear(probe(), UncheckedText::of("start: \"" + std::string(5'000'000, 'x') + "\"\n"));
  expect_passes(probe());
}

TEST_F(ProbeProgram, IsStartedAnewWhenItHasDied) {
  expect_passes(probe());
  ASSERT_EQ(test::probes().size(), 1U);
  const pid_t first = test::probes().front();
  test::kill_probes();
  expect_passes(probe());
  ASSERT_EQ(test::probes().size(), 1U);
  EXPECT_NE(test::probes().front(), first);
}

TEST_F(ProbeProgram, DyingOverAGrammarIsOurFault) {
  std::optional<GrammarError> objection;
  std::thread asking([&] { objection = probe().objection(endless()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  test::kill_probes();
  asking.join();
  // The child outlives the probe for a while: it may use its time up and blame the grammar.
  ASSERT_TRUE(objection);
  EXPECT_TRUE(objection->fault == Fault::kOurs || objection->fault == Fault::kClient);
  expect_passes(probe());
}

TEST_F(ProbeProgram, IsBusyWhenManyAskAtOnce) {
  std::atomic<int> passed = 0, busy = 0, other = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { expect_too_dear(probe(), endless()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  for (int i = 0; i < 40; ++i)
    threads.emplace_back([&] {
      const auto objection = probe().objection(easy());
      ++(!objection ? passed : objection->fault == Fault::kBusy ? busy : other);
    });
  for (std::thread& thread : threads) thread.join();
  // 32 may wait; on a crowded machine some of these wait too long.
  EXPECT_EQ(passed + busy, 40);
  EXPECT_GE(busy, 8);
  EXPECT_GT(passed, 0);
  EXPECT_EQ(other, 0);
  expect_passes(probe());
}

TEST(ProbeMissing, IsOurFault) {
  const OtherProbe none("/nowhere/gemma4-grammar-probe");
  Probe probe(RealVocabulary::get().table);
  const auto objection = probe.objection(easy());
  ASSERT_TRUE(objection);
  EXPECT_EQ(objection->fault, Fault::kOurs);
  EXPECT_TRUE(objection->message.starts_with("no grammar probe: cannot start /nowhere/"))
      << objection->message;
}

TEST(ProbeMissing, MayBeAnotherProgram) {
  Probe probe = [] {
    const OtherProbe none("/bin/true");
    return Probe(RealVocabulary::get().table);
  }();
  const auto objection = [&] {
    const OtherProbe none("/bin/true");
    return probe.objection(easy());
  }();
  ASSERT_TRUE(objection);
  EXPECT_EQ(objection->fault, Fault::kOurs) << objection->message;
  expect_passes(probe);
}

}  // namespace
}  // namespace g4::grammar
