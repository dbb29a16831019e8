// The room's door, over the real vocabulary and the real probe program.
#include "grammar/grammars.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "grammar/test_probe.h"
#include "grammar/test_walk.h"

namespace g4::grammar {
namespace {

using Fault = GrammarError::Fault;
using test::OtherProbe;
using test::RealVocabulary;

Constraint choice(std::string text) { return {Choice{{std::move(text)}}}; }

class GrammarsTest : public testing::Test {
 protected:
  // One for all tests: it takes seconds to make.
  static void SetUpTestSuite() {
    grammars_ = std::move(Grammars::create(RealVocabulary::get().tokenizer)).value();
  }
  static void TearDownTestSuite() { grammars_.reset(); }
  static std::unique_ptr<Grammars> grammars_;
};
std::unique_ptr<Grammars> GrammarsTest::grammars_;

TEST_F(GrammarsTest, GiveAMatcherForEachAnswer) {
  const RealVocabulary& real = RealVocabulary::get();
  EXPECT_EQ(grammars_->words(), (real.tokenizer->size() + 31) / 32);
  for (int i = 0; i < 3; ++i) {
    auto matcher = grammars_->start(choice("yes"));
    ASSERT_TRUE(matcher) << matcher.error().message;
    const auto walk = test::RandomModel(real).walk(*std::move(matcher));
    EXPECT_TRUE(walk.ended);
    EXPECT_EQ(walk.text, "yes");
  }
  const auto refused = grammars_->start(Constraint{JsonSchema{3}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().fault, Fault::kClient);
  EXPECT_EQ(refused.error().message, "#: a schema is an object, true or false");
}

TEST_F(GrammarsTest, KnowWhatTheyHaveCompiled) {
  ASSERT_TRUE(grammars_->start(choice("known")));
  const OtherProbe none("/nowhere/gemma4-grammar-probe");
  test::kill_probes();
  EXPECT_TRUE(grammars_->start(choice("known")));
  const auto unknown = grammars_->start(choice("unknown"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().fault, Fault::kOurs);
}

TEST_F(GrammarsTest, ForgetWhatWasNotUsedForLong) {
  ASSERT_TRUE(grammars_->start(choice("first")));
  for (int i = 0; i < 127; ++i) ASSERT_TRUE(grammars_->start(choice(std::to_string(i))));
  ASSERT_TRUE(grammars_->start(choice("first")));  // used again: "0" is the oldest now
  ASSERT_TRUE(grammars_->start(choice("one more")));
  const OtherProbe none("/nowhere/gemma4-grammar-probe");
  test::kill_probes();
  EXPECT_TRUE(grammars_->start(choice("first")));
  EXPECT_TRUE(grammars_->start(choice("1")));
  EXPECT_FALSE(grammars_->start(choice("0")));
}

TEST_F(GrammarsTest, AreAskedByManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 6; ++i) {
        const auto matcher = grammars_->start(choice(std::to_string((t + i) % 4)));
        EXPECT_TRUE(matcher) << matcher.error().message;
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace g4::grammar
