#include "app/options.h"

#include <gmock/gmock.h>

namespace g4::app {
namespace {

using testing::ElementsAre;

// A flag that took every word behind it would take the prompt too.
TEST(AnswerOptions, AStopTextIsOneWord) {
  CLI::App app;
  SamplingArguments sampling;
  std::string prompt;
  app.add_option("PROMPT", prompt);
  add_answer_options(app, sampling);
  app.parse("--stop END --stop \"two words\" Hello");
  EXPECT_THAT(sampling.stop, ElementsAre("END", "two words"));
  EXPECT_EQ(prompt, "Hello");
}

TEST(ThinkingOptions, ABudgetIsOfAThought) {
  CLI::App app;
  ThinkingArguments thinking;
  add_thinking_options(app, thinking);
  EXPECT_THROW(app.parse("--thinking-budget 5"), CLI::RequiresError);
  app.parse("--think --thinking-budget 5");
  EXPECT_EQ(thinking.tokens_max, 5U);
}

}  // namespace
}  // namespace g4::app
