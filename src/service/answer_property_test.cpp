// Whatever the model says: under a rule an answer, as its reader takes it apart, is what was asked
// for, and its thoughts keep to their budget.
#include <gtest/gtest.h>

#include <future>
#include <random>

#include "chat/test_answer.h"
#include "engine/fake_runner.h"
#include "grammar/grammar_text.h"
#include "grammar/token_table.h"
#include "service/service.h"

namespace g4 {
namespace {

const std::vector<std::string> kChoices = {"yes", " no", "may\nbe\n"};

class House {
 public:
  House() {
    FakeRunnerOptions fake;
    fake.limits.vocab_size = static_cast<std::uint32_t>(tokenizer_.size());
    engine_.emplace(std::make_unique<FakeRunner>(fake), EngineOptions{});
    service_.emplace(*engine_, tokenizer_);
    const std::shared_ptr<const Tokenizer> held(std::shared_ptr<const void>(), &tokenizer_);
    vocabulary_ = grammar::Vocabulary::create(grammar::token_table(tokenizer_), held).value();
  }

  AnswerForm::Grammar compile(const grammar::Constraint& constraint) const {
    const auto text =
        grammar::write_grammar(constraint, grammar::MarkerTokens::of(tokenizer_)).value();
    return grammar::CompiledGrammar::compile(vocabulary_, text.lark()).value();
  }

  struct Outcome {
    chat::Answer answer;
    Finished finished;
  };
  Outcome run(GenerateRequest request) {
    chat::AnswerJoiner joiner;
    std::promise<Finished> done;
    const auto taken = service_->submit(std::move(request), [&](ServiceEvent event) {
      if (const auto* delta = std::get_if<ChatDelta>(&event)) joiner.add(delta->events);
      if (auto* end = std::get_if<Finished>(&event)) done.set_value(std::move(*end));
    });
    EXPECT_TRUE(std::holds_alternative<StreamId>(taken));
    Finished finished = done.get_future().get();
    return {joiner.take(), std::move(finished)};
  }

 private:
  const Tokenizer& tokenizer_ = chat::answer_tokenizer();
  std::optional<Engine> engine_;
  std::optional<Service> service_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
};

TEST(AnswerProperty, UnderARuleWhatIsReadIsWhatWasAskedFor) {
  House house;
  const Tokenizer& tokenizer = chat::answer_tokenizer();
  const auto choice = house.compile({grammar::Choice{kChoices}});
  grammar::ToolCalls tools;
  tools.tools = {{"f", {}}};
  tools.calls_min = 1;
  tools.calls_max = 2;
  tools.text = grammar::ToolCalls::Text::kNone;
  const auto calls = house.compile({tools});
  int answered = 0, called = 0, thought = 0;
  for (std::uint32_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto one_of = [&](const auto& list) { return list[random() % std::size(list)]; };
    GenerateRequest r;
    r.prompt = chat::to_tokens(
        {chat::pieces(one_of(std::vector<std::string>{
            "<|turn>model\n", "<|turn>model\n<|channel>thought\n",
            "<|turn>model\n<|channel>thought\n<channel|>", "<|turn>model\n<|channel>thou"}))},
        tokenizer);
    r.sampling.top_k = 0;
    r.sampling.top_p = 1;
    r.sampling.seed = seed;
    std::vector<std::pair<TokenId, float>> bias;
    // A thought's end, and what ends it for nobody but a careless reader, come often.
    for (const std::string_view mark : {"<channel|>", "<tool_call|>", "<|turn>", "<|channel>",
                                        "<|tool_call>", "<turn|>", "<|tool_response>", "<|\"|>"})
      bias.emplace_back(*tokenizer.find(mark), static_cast<float>(random() % 6));
    r.sampling.logit_bias = std::move(bias);
    if (random() % 2 == 0) r.sampling.repetition_penalty = 1.7F;
    if (random() % 2 == 0) r.sampling.presence_penalty = -2;
    if (random() % 2 == 0) r.sampling.logprobs = 2;
    r.output_tokens_max = random() % 4 == 0 ? 1 + random() % 20 : 300;
    if (random() % 3 == 0) r.output_tokens_min = random() % *r.output_tokens_max;
    r.ignore_eos = random() % 6 == 0;
    r.chat = ChatFormat{.tools = {}, .one_call = false, .exact_text = true};
    r.form.answer = choice;
    if (random() % 2 == 0) r.form.calls = calls;
    r.form.may_think = random() % 2 == 0;
    if (random() % 3 != 0)
      r.form.thought_tokens_max = one_of(std::vector<std::uint64_t>{0, 1, 2, 7, 40});
    const auto budget = r.form.thought_tokens_max;
    const auto [answer, finished] = house.run(std::move(r));
    ASSERT_NE(finished.reason, Finished::Reason::kError) << finished.error;
    thought += finished.thought_tokens > 0;
    // Its name, a line end, what closes it, and the rest of a character.
    if (budget) {
      EXPECT_LE(finished.thought_tokens, *budget + 16);
    }
    if (finished.reason == Finished::Reason::kLength) continue;
    if (answer.calls.empty()) {
      ++answered;
      EXPECT_EQ(finished.reason, Finished::Reason::kStop);
      EXPECT_EQ(std::ranges::count(kChoices, answer.text), 1) << answer;
    } else {
      ++called;
      EXPECT_EQ(finished.reason, Finished::Reason::kToolCalls);
      EXPECT_EQ(answer.text, "");
    }
  }
  EXPECT_GT(answered, 100);
  EXPECT_GT(called, 20);
  EXPECT_GT(thought, 100);
}

}  // namespace
}  // namespace g4
