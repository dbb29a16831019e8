// What the rule of an answer lets come next: thoughts, the grammar behind them, calls in its place.
#include "service/answer_rule.h"

#include <gtest/gtest.h>

#include "grammar/grammar_text.h"
#include "grammar/token_table.h"
#include "text/test_vocabulary.h"

namespace g4 {
namespace {

using grammar::CompiledGrammar;

struct Toy {
  Toy() {
    using Kind = VocabularySource::Kind;
    TestVocabulary vocabulary;
    turn_end = vocabulary.add("<turn|>", Kind::kControl);
    channel = vocabulary.add("<|channel>", Kind::kControl);
    channel_end = vocabulary.add("<channel|>", Kind::kControl);
    turn = vocabulary.add("<|turn>", Kind::kControl);
    call = vocabulary.add("<|tool_call>", Kind::kControl);
    call_end = vocabulary.add("<tool_call|>", Kind::kControl);
    vocabulary.add("<|\"|>", Kind::kControl);
    vocabulary.source.stop = {turn_end};
    tokenizer = std::make_shared<const Tokenizer>(Tokenizer::create(vocabulary.source).value());
    words = grammar::Vocabulary::create(grammar::token_table(*tokenizer), tokenizer).value();
  }

  std::shared_ptr<const CompiledGrammar> compile(const grammar::Constraint& constraint) const {
    const auto text =
        grammar::write_grammar(constraint, grammar::MarkerTokens::of(*tokenizer)).value();
    return CompiledGrammar::compile(words, text.lark()).value();
  }
  TokenId letter(const char* spelling) const { return *tokenizer->find(spelling); }

  std::shared_ptr<const Tokenizer> tokenizer;
  std::shared_ptr<const grammar::Vocabulary> words;
  TokenId turn, turn_end, channel, channel_end, call, call_end;
};

const Toy& toy() {
  static const Toy made;
  return made;
}

// A rule, asked and told step by step.
class Walk {
 public:
  explicit Walk(AnswerForm form, std::vector<TokenId> prompt = {}, int more_words = 0) {
    rule_ = make_answer_rule(*toy().tokenizer, prompt, std::move(form))().value();
    mask_.resize(mask_words(toy().tokenizer->size()) + more_words);
    ask();
  }

  bool allows(TokenId id) const {
    if (std::holds_alternative<AnyToken>(next_)) return true;
    if (const auto* forced = std::get_if<ForcedToken>(&next_)) return forced->id == id;
    return mask_has(mask_, id);
  }
  bool is_free() const { return std::holds_alternative<AnyToken>(next_); }
  std::optional<TokenId> forced() const {
    const auto* forced = std::get_if<ForcedToken>(&next_);
    return forced ? std::optional(forced->id) : std::nullopt;
  }
  Walk& say(TokenId id) {
    EXPECT_TRUE(allows(id)) << toy().tokenizer->bytes(id);
    const Status status = rule_->accept(id);
    EXPECT_TRUE(status) << (status ? "" : status.error().message);
    ask();
    return *this;
  }
  Walk& say(std::string_view text) {
    for (const TokenId id : toy().tokenizer->encode(text)) say(id);
    return *this;
  }

 private:
  void ask() {
    const auto next = rule_->next(mask_);
    ASSERT_TRUE(next) << next.error().message;
    next_ = *next;
  }

  std::unique_ptr<TokenRule> rule_;
  std::vector<std::uint32_t> mask_;
  NextTokens next_;
};

AnswerForm yes_or_no() { return {.answer = toy().compile({grammar::Choice{{"yes", "no"}}})}; }

AnswerForm with_calls(AnswerForm form) {
  grammar::ToolCalls calls;
  calls.tools = {{"f", {}}};
  calls.calls_min = 1;
  calls.text = grammar::ToolCalls::Text::kNone;
  form.calls = toy().compile({calls});
  return form;
}

TEST(AnswerRule, WithoutThoughtsTheGrammarBeginsAtOnce) {
  Walk walk(yes_or_no());
  EXPECT_TRUE(walk.allows(toy().letter("y")));
  EXPECT_FALSE(walk.allows(toy().letter("a")));
  EXPECT_FALSE(walk.allows(toy().channel));
  EXPECT_FALSE(walk.allows(toy().call));
  EXPECT_FALSE(walk.allows(toy().turn_end));
  walk.say("yes");
  EXPECT_TRUE(walk.allows(toy().turn_end));
  EXPECT_FALSE(walk.allows(toy().letter("s")));
}

TEST(AnswerRule, ModelsMayHaveMoreOrFewerTokensThanTheVocabulary) {
  for (const int more_words : {1, -1}) {
    Walk walk(yes_or_no(), {}, more_words);
    EXPECT_TRUE(walk.allows(toy().letter("y")));
    EXPECT_FALSE(walk.allows(toy().letter("a")));
    walk.say("no");
  }
}

TEST(AnswerRule, ThoughtsAreFreeAndTheGrammarComesBehindThem) {
  AnswerForm form = yes_or_no();
  form.may_think = true;
  Walk walk(form);
  EXPECT_TRUE(walk.allows(toy().letter("n")));  // it need not think
  walk.say(toy().channel).say("thought\nyes? no? maybe");
  EXPECT_FALSE(walk.allows(toy().turn_end));  // the answer is still to come
  EXPECT_FALSE(walk.allows(toy().call));
  EXPECT_FALSE(walk.allows(toy().channel));
  walk.say(toy().channel_end);
  EXPECT_FALSE(walk.allows(toy().channel));  // once is enough
  EXPECT_FALSE(walk.allows(toy().letter("m")));
  walk.say("no");
  EXPECT_TRUE(walk.allows(toy().turn_end));
}

// With a turn the output machine would wait for the line that names it, and the answer be lost.
TEST(AnswerRule, AThoughtEndsInNoOtherWayThanItsOwn) {
  AnswerForm form = yes_or_no();
  form.may_think = true;
  Walk walk(form);
  walk.say(toy().channel).say("thought\nhm");
  for (const TokenId mark : {toy().turn, toy().turn_end, toy().channel, toy().call, toy().call_end})
    EXPECT_FALSE(walk.allows(mark)) << toy().tokenizer->bytes(mark);
  EXPECT_TRUE(walk.allows(toy().channel_end));
}

TEST(AnswerRule, APromptMayEndWithinAThoughtOrBehindOne) {
  std::vector<TokenId> prompt = {toy().channel};
  for (const TokenId id : toy().tokenizer->encode("thought\n")) prompt.push_back(id);
  Walk within(yes_or_no(), prompt);
  EXPECT_TRUE(within.allows(toy().letter("m")));
  within.say(toy().channel_end);
  EXPECT_FALSE(within.allows(toy().letter("m")));
  prompt.push_back(toy().channel_end);
  Walk behind(yes_or_no(), prompt);
  EXPECT_FALSE(behind.allows(toy().letter("m")));
  EXPECT_TRUE(behind.allows(toy().letter("y")));
}

TEST(AnswerRule, ABudgetClosesTheThoughtAndTheGrammarFollows) {
  AnswerForm form = yes_or_no();
  form.may_think = true;
  form.thought_tokens_max = 3;
  Walk walk(form);
  walk.say(toy().channel).say("thought\nabc");
  int steps = 0;
  while (walk.forced() && ++steps < 10) walk.say(*walk.forced());
  EXPECT_EQ(steps, 2);  // a line end, <channel|>
  EXPECT_TRUE(walk.allows(toy().letter("y")));
  EXPECT_FALSE(walk.allows(toy().letter("a")));
}

TEST(AnswerRule, ABudgetAloneLeavesTheAnswerFree) {
  AnswerForm form;
  form.thought_tokens_max = 0;
  EXPECT_TRUE(form.says_something());
  Walk walk(form);
  EXPECT_TRUE(walk.is_free());
  walk.say(toy().channel);
  int steps = 0;
  while (walk.forced() && ++steps < 20) walk.say(*walk.forced());
  EXPECT_TRUE(walk.is_free());
}

TEST(AnswerRule, ACallMayComeInTheAnswersPlace) {
  Walk words(with_calls(yes_or_no()));
  EXPECT_TRUE(words.allows(toy().call));
  words.say("y");
  EXPECT_FALSE(words.allows(toy().call));
  Walk calls(with_calls(yes_or_no()));
  calls.say(toy().call).say("call:f{}").say(toy().call_end);
  EXPECT_TRUE(calls.allows(toy().turn_end));
  EXPECT_TRUE(calls.allows(toy().call));
  EXPECT_FALSE(calls.allows(toy().letter("y")));
}

}  // namespace
}  // namespace g4
