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

GrammarText choice(std::string text) {
  return write_grammar({Choice{{std::move(text)}}}, MarkerTokens{}).value();
}

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

TEST_F(GrammarsTest, GiveEachAnswerAMatcher) {
  for (int i = 0; i < 3; ++i) {
    const auto grammar = grammars_->compile(choice("yes"));
    ASSERT_TRUE(grammar) << grammar.error().message;
    const auto walk = test::RandomModel(RealVocabulary::get()).walk((*grammar)->start());
    EXPECT_TRUE(walk.ended);
    EXPECT_EQ(walk.text, "yes");
  }
}

TEST_F(GrammarsTest, KnowWhatTheyHaveCompiled) {
  ASSERT_TRUE(grammars_->compile(choice("known")));
  const OtherProbe none("/nowhere/gemma4-grammar-probe");
  test::kill_probes();
  EXPECT_TRUE(grammars_->compile(choice("known")));
  EXPECT_TRUE(grammars_->known(choice("known")));
  EXPECT_FALSE(grammars_->known(choice("unknown")));
  const auto unknown = grammars_->compile(choice("unknown"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().fault, Fault::kOurs);
}

TEST_F(GrammarsTest, ForgetWhatWasNotUsedForLong) {
  ASSERT_TRUE(grammars_->compile(choice("first")));
  for (int i = 0; i < 127; ++i) ASSERT_TRUE(grammars_->compile(choice(std::to_string(i))));
  ASSERT_TRUE(grammars_->compile(choice("first")));  // used again: "0" is the oldest now
  ASSERT_TRUE(grammars_->compile(choice("one more")));
  const OtherProbe none("/nowhere/gemma4-grammar-probe");
  test::kill_probes();
  EXPECT_TRUE(grammars_->compile(choice("first")));
  EXPECT_TRUE(grammars_->compile(choice("1")));
  EXPECT_FALSE(grammars_->compile(choice("0")));
}

TEST_F(GrammarsTest, AreAskedByManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 6; ++i) {
        const auto grammar = grammars_->compile(choice(std::to_string((t + i) % 4)));
        EXPECT_TRUE(grammar) << grammar.error().message;
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace g4::grammar
