#include "service/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <thread>

#include "engine/fake_runner.h"
#include "grammar/grammar_text.h"
#include "grammar/token_table.h"
#include "service/text_stream.h"
#include "text/test_vocabulary.h"

namespace g4 {
namespace {

using ::testing::HasSubstr;

struct Words {  // a vocabulary and the tokenizer over it
  Words() {
    vocabulary.merge("a", "b");
    turn = vocabulary.add("<turn>", VocabularySource::Kind::kControl);
    end = vocabulary.add("<end>", VocabularySource::Kind::kControl);
    two_words = vocabulary.add("one\u2581two", VocabularySource::Kind::kNormal);
    vocabulary.source.stop = {*vocabulary.source.eos, end};
    auto made = Tokenizer::create(vocabulary.source);
    EXPECT_TRUE(made) << (made ? "" : made.error().message);
    tokenizer.emplace(std::move(made).value());
  }
  // One byte token for each byte: characters and stop strings span tokens.
  static std::vector<TokenId> bytes(std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(4 + static_cast<unsigned char>(c));
    return ids;
  }
  TestVocabulary vocabulary;
  TokenId turn, end, two_words;
  std::optional<Tokenizer> tokenizer;
};

struct Outcome {
  std::vector<std::string> deltas;
  std::string text;
  std::vector<SampledToken> tokens;
  std::optional<PromptScored> scored;
  Finished finished{};
};

class Collector {
 public:
  ServiceSink sink() {
    return [state = state_](ServiceEvent event) {
      Outcome& o = state->outcome;
      if (auto* scored = std::get_if<PromptScored>(&event)) {
        EXPECT_TRUE(o.deltas.empty());
        o.scored = std::move(*scored);
      } else if (auto* delta = std::get_if<TextDelta>(&event)) {
        o.deltas.push_back(delta->text);
        o.text += delta->text;
        for (SampledToken& t : delta->tokens) o.tokens.push_back(std::move(t));
      } else {
        o.finished = std::get<Finished>(std::move(event));
        state->done.set_value();  // throws (and ends the test) when it comes twice
      }
    };
  }
  Outcome wait() {
    EXPECT_EQ(state_->done.get_future().wait_for(std::chrono::seconds(60)),
              std::future_status::ready);
    return std::move(state_->outcome);
  }

 private:
  struct State {
    Outcome outcome;
    std::promise<void> done;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// `turn` + reply: the model answers the prompt {..., turn} with these tokens.
struct House {
  explicit House(std::vector<TokenId> reply = {}, FakeRunnerOptions fake = {},
                 EngineOptions options = {}) {
    fake.limits.vocab_size = words.tokenizer->size();
    if (!reply.empty()) fake.scripts.push_back({{words.turn}, std::move(reply)});
    engine.emplace(std::make_unique<FakeRunner>(std::move(fake)), std::move(options));
    service.emplace(*engine, *words.tokenizer);
  }
  GenerateRequest request() const {
    GenerateRequest r;
    r.prompt = {*words.tokenizer->bos(), words.turn};
    r.sampling.seed = 1;
    return r;
  }
  Outcome run(GenerateRequest r) {
    Collector collector;
    const auto result = service->submit(std::move(r), collector.sink());
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
      ADD_FAILURE() << refusal->message;
      return {};
    }
    return collector.wait();
  }
  Words words;
  std::optional<Engine> engine;
  std::optional<Service> service;
};

std::vector<TokenId> joined(std::vector<TokenId> a, const std::vector<TokenId>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Service, StreamsWholeCharactersUntilTheStopToken) {
  const Words words;
  House house(joined(Words::bytes("caf\u00e9 \U0001F600!"), {words.end}));
  const Outcome got = house.run(house.request());
  EXPECT_EQ(got.text, "caf\u00e9 \U0001F600!");
  EXPECT_EQ(got.finished.reason, Finished::Reason::kStop);
  EXPECT_EQ(got.finished.stop_token, words.end);
  EXPECT_FALSE(got.finished.stop_string);
  EXPECT_EQ(got.finished.prompt_tokens, 2u);
  EXPECT_EQ(got.finished.output_tokens, 12u);  // 11 bytes and <end>
  EXPECT_EQ(got.tokens.size(), 11u);
  EXPECT_EQ(got.deltas[3], "");  // half of the é
  EXPECT_EQ(got.deltas[4], "\u00e9");
}

TEST(Service, AHalfCharacterAtTheEndIsReplaced) {
  House house(Words::bytes("a\xC3"));
  GenerateRequest r = house.request();
  r.output_tokens_max = 2;
  const Outcome got = house.run(r);
  EXPECT_EQ(got.text, "a\uFFFD");
  EXPECT_EQ(got.finished.reason, Finished::Reason::kLength);
}

TEST(Service, AStopStringAcrossTokensEndsTheStream) {
  for (const bool include : {false, true}) {
    House house(Words::bytes("Hello\nUser: and on and on"));
    GenerateRequest r = house.request();
    r.stop = {"never", "\nUser:"};
    r.include_stop_string = include;
    const Outcome got = house.run(r);
    EXPECT_EQ(got.text, include ? "Hello\nUser:" : "Hello");
    EXPECT_EQ(got.finished.reason, Finished::Reason::kStop);
    EXPECT_EQ(got.finished.stop_string, "\nUser:");
    EXPECT_FALSE(got.finished.stop_token);
    EXPECT_EQ(got.finished.output_tokens, 11u);
    EXPECT_EQ(got.tokens.size(), 11u);
    house.service->drain();
    EXPECT_LT(house.service->stats().output_tokens, 100u);  // not until the context is full
    EXPECT_EQ(house.service->stats().global_blocks_used, 0u);
  }
}

TEST(Service, AStopStringInsideATokenCutsIt) {
  const Words words;
  House house({words.two_words, words.two_words});
  GenerateRequest r = house.request();
  r.stop = {"e t"};
  const Outcome got = house.run(r);
  EXPECT_EQ(got.text, "on");
  EXPECT_EQ(got.finished.stop_string, "e t");
  EXPECT_EQ(got.finished.output_tokens, 1u);
}

TEST(Service, HeldBackTextComesAtTheEnd) {
  House house(Words::bytes("abc"));
  GenerateRequest r = house.request();
  r.output_tokens_max = 3;
  r.stop = {"bcd"};
  const Outcome got = house.run(r);
  EXPECT_EQ(got.text, "abc");
  EXPECT_EQ(got.deltas, (std::vector<std::string>{"a", "", "", "bc"}));
  EXPECT_EQ(got.finished.reason, Finished::Reason::kLength);
}

TEST(Service, StopTokensOfTheRequestAndIgnoreEos) {
  const Words words;
  House house(joined(joined(Words::bytes("ab"), {words.end}), Words::bytes("cdef")));
  GenerateRequest r = house.request();
  r.stop_tokens = Words::bytes("b");
  EXPECT_EQ(house.run(r).text, "a");
  r.stop_tokens = Words::bytes("e");
  EXPECT_EQ(house.run(r).text, "ab");
  r.ignore_eos = true;
  Outcome got = house.run(r);
  EXPECT_EQ(got.text, "abcd");
  EXPECT_EQ(got.finished.stop_token, Words::bytes("e")[0]);
  EXPECT_EQ(got.finished.output_tokens, 6u);
  r.skip_special_tokens = false;
  EXPECT_EQ(house.run(r).text, "ab<end>cd");
}

TEST(Service, TheMinimumPassesUnwatched) {
  House house(Words::bytes("xx--yy--zz"));
  GenerateRequest r = house.request();
  r.stop = {"--"};
  r.output_tokens_min = 4;
  r.output_tokens_max = 10;
  const Outcome got = house.run(r);
  EXPECT_EQ(got.text, "xx--yy");
  EXPECT_EQ(got.finished.output_tokens, 8u);
}

TEST(Service, LogprobsAndPromptScoresPassThrough) {
  House house;
  GenerateRequest r = house.request();
  r.prompt = {2, 5, 6, 7};
  r.sampling.logprobs = 3;
  r.sampling.temperature = 0;
  r.output_tokens_max = 4;
  r.prompt_logprobs = 1;
  r.ignore_eos = true;
  Outcome got = house.run(r);
  ASSERT_TRUE(got.scored);
  EXPECT_EQ(got.scored->logprobs.size(), 3u);
  EXPECT_EQ(got.scored->logprobs[0].id, 5);
  ASSERT_EQ(got.tokens.size(), 4u);
  for (const SampledToken& token : got.tokens) {
    ASSERT_EQ(token.top.size(), 3u);
    EXPECT_EQ(token.logprob, token.top[0].logprob);
  }
  r.output_tokens_max = 0;
  got = house.run(r);
  EXPECT_TRUE(got.tokens.empty());
  EXPECT_EQ(got.scored->logprobs.size(), 3u);
  r.prompt_logprobs.reset();
  EXPECT_FALSE(house.run(r).scored);
}

TEST(Service, AMaximumBeyondTheContextMayBeLowered) {
  FakeRunnerOptions fake;
  fake.limits.context_tokens_max = 50;
  House house({}, fake);
  GenerateRequest r = house.request();
  r.ignore_eos = true;
  r.output_tokens_max = 1000;
  EXPECT_TRUE(std::holds_alternative<Refusal>(house.service->submit(r, [](ServiceEvent) {})));
  r.fit_output = true;
  const Outcome got = house.run(r);
  EXPECT_EQ(got.finished.reason, Finished::Reason::kLength);
  EXPECT_EQ(got.finished.output_tokens, 48u);
  r.output_tokens_max = 7;
  EXPECT_EQ(house.run(r).finished.output_tokens, 7u);
}

TEST(Service, WithoutAMaximumItRunsUntilTheContextIsFull) {
  FakeRunnerOptions fake;
  fake.limits.context_tokens_max = 50;
  House house({}, fake);
  GenerateRequest r = house.request();
  r.ignore_eos = true;
  EXPECT_EQ(house.run(r).finished.output_tokens, 48u);
  r.prompt.assign(50, 7);
  const auto result = house.service->submit(r, [](ServiceEvent) {});
  ASSERT_TRUE(std::holds_alternative<Refusal>(result));
  EXPECT_EQ(std::get<Refusal>(result).kind, Refusal::Kind::kTooLong);
  EXPECT_THAT(std::get<Refusal>(result).message, HasSubstr("50 prompt tokens"));
  r = house.request();
  r.stop = {""};
  EXPECT_EQ(std::get<Refusal>(house.service->submit(r, [](ServiceEvent) {})).kind,
            Refusal::Kind::kInvalid);
}

TEST(Service, AnOutputThatIsStuckEnds) {
  std::vector<TokenId> spam;
  for (int i = 0; i < 20; ++i) spam = joined(std::move(spam), Words::bytes("spam"));
  House house(spam);
  GenerateRequest r = house.request();
  r.output_tokens_max = 600;
  r.repetition = RepetitionLimits{.repeats_min = 3, .tokens_min = 0};
  const Outcome got = house.run(r);
  EXPECT_EQ(got.text, "spamspamspam");
  EXPECT_EQ(got.finished.reason, Finished::Reason::kRepetition);
  ASSERT_TRUE(got.finished.repetition);
  EXPECT_EQ(got.finished.repetition->block_tokens, 4U);
  EXPECT_EQ(got.finished.repetition->repeats, 3U);
  EXPECT_EQ(got.finished.output_tokens, 12U);
}

TEST(Service, AGrammarHoldsTheAnswer) {
  House house(Words::bytes("whatever the model would say"));
  const std::shared_ptr<const Tokenizer> tokenizer(std::shared_ptr<const void>(),
                                                   &*house.words.tokenizer);
  const auto text = grammar::write_grammar({grammar::Choice{{"yes", "no"}}},
                                           grammar::MarkerTokens::of(*tokenizer));
  ASSERT_TRUE(text) << text.error().message;
  const auto vocabulary =
      grammar::Vocabulary::create(grammar::token_table(*tokenizer), tokenizer).value();
  GenerateRequest r = house.request();
  r.form.answer = grammar::CompiledGrammar::compile(vocabulary, text->lark()).value();
  const Outcome got = house.run(r);
  EXPECT_THAT(got.text, ::testing::AnyOf("yes", "no"));
  EXPECT_EQ(got.finished.reason, Finished::Reason::kStop);
}

TEST(Service, ErrorsKeepTheTextSoFar) {
  FakeRunnerOptions fake;
  fake.fail_at_step = 3;
  House house(Words::bytes("abcdef"), fake);
  GenerateRequest r = house.request();
  r.stop = {"cd"};
  const Outcome got = house.run(r);
  EXPECT_EQ(got.text, "abc");
  EXPECT_EQ(got.finished.reason, Finished::Reason::kError);
  EXPECT_THAT(got.finished.error, HasSubstr("told to fail"));
}

TEST(Service, SaysHowLongARequestWaited) {
  FakeRunnerOptions fake;
  fake.step_delay = std::chrono::milliseconds(5);
  EngineOptions one;
  one.running_max = 1;
  House house({}, fake, one);
  GenerateRequest r = house.request();
  r.output_tokens_max = 10;
  r.ignore_eos = true;
  Collector first, second, third;
  ASSERT_TRUE(std::holds_alternative<StreamId>(house.service->submit(r, first.sink())));
  ASSERT_TRUE(std::holds_alternative<StreamId>(house.service->submit(r, second.sink())));
  const auto id = house.service->submit(r, third.sink());
  house.service->cancel(std::get<StreamId>(id));
  EXPECT_FALSE(third.wait().finished.queued);  // it never ran
  const auto of_first = first.wait().finished.queued, of_second = second.wait().finished.queued;
  ASSERT_TRUE(of_first && of_second);
  // The second waited for nine more steps of the first.
  EXPECT_GE(*of_second, *of_first + std::chrono::milliseconds(40));
}

// The text that a request gives alone, from the plain loop.
std::string expected(const House& house, const GenerateRequest& r) {
  const std::size_t vocab = house.words.tokenizer->size();
  auto sampler = Sampler::create(r.sampling, vocab, r.prompt, {});
  TextStream text(*house.words.tokenizer, r);
  std::vector<TokenId> history = r.prompt;
  std::vector<float> logits(vocab);
  std::string out;
  for (std::uint64_t n = 0; n < *r.output_tokens_max; ++n) {
    fake_logits(history, {}, logits);
    const TokenId id = sampler->sample(logits)->id;
    if (id == house.words.tokenizer->stop()[0] || id == house.words.tokenizer->stop()[1]) break;
    history.push_back(id);
    out += text.push(id);
    if (text.stop_string()) return out;
  }
  return out + text.finish();
}

TEST(Service, EightMixedStreamsOneCancelledOneStopped) {
  FakeRunnerOptions fake;
  fake.limits.kv.global_blocks = 600;
  fake.step_delay = std::chrono::microseconds(200);
  House house({}, fake);
  std::vector<GenerateRequest> requests;
  std::vector<Collector> collectors(8);
  for (unsigned i = 0; i < 8; ++i) {
    std::mt19937 random(i);
    GenerateRequest r = house.request();
    r.prompt.resize(1 + 41 * i);
    for (TokenId& t : r.prompt) t = static_cast<TokenId>(4 + random() % 300);
    r.sampling.seed = i;
    r.output_tokens_max = i == 2 ? 3000 : 60 + 5 * i;  // the one to be cancelled
    r.ignore_eos = i == 2;
    requests.push_back(r);
  }
  const std::string alone = expected(house, requests[5]);
  ASSERT_GT(alone.size(), 20u);
  std::size_t cut = 10;  // begin the stop string at a character's beginning
  while ((static_cast<unsigned char>(alone[cut]) & 0xC0) == 0x80) ++cut;
  std::size_t end = cut + 3;
  while ((static_cast<unsigned char>(alone[end]) & 0xC0) == 0x80) ++end;
  requests[5].stop = {alone.substr(cut, end - cut)};

  std::vector<StreamId> ids;
  for (unsigned i = 0; i < 8; ++i)
    ids.push_back(std::get<StreamId>(house.service->submit(requests[i], collectors[i].sink())));
  house.service->cancel(ids[2]);
  for (unsigned i = 0; i < 8; ++i) {
    const Outcome got = collectors[i].wait();
    if (i == 2) {
      EXPECT_EQ(got.finished.reason, Finished::Reason::kCancelled);
      continue;
    }
    EXPECT_EQ(got.text, expected(house, requests[i])) << i;
    EXPECT_EQ(got.finished.stop_string.has_value(), i == 5) << i;
  }
}

TEST(ServiceStress, ManyThreadsSubmitStopAndCancel) {
  FakeRunnerOptions fake;
  fake.limits.kv.global_blocks = 60;
  House house({}, fake, {.running_max = 5, .queue_max = 10, .suppressed = {}});
  std::atomic<unsigned> ended = 0;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 5; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (unsigned i = 0; i < 40; ++i) {
        GenerateRequest r = house.request();
        r.prompt.assign(1 + random() % 50, static_cast<TokenId>(4 + random() % 200));
        r.sampling.seed = random();
        r.output_tokens_max = random() % 50;
        r.stop = {"a", "!"};
        const GenerateRequest copy = r;
        Collector collector;
        const auto result = house.service->submit(std::move(r), collector.sink());
        const auto* id = std::get_if<StreamId>(&result);
        ++ended;
        if (id == nullptr) continue;
        if (random() % 4 == 0) house.service->cancel(*id);
        const Outcome got = collector.wait();
        ASSERT_NE(got.finished.reason, Finished::Reason::kError) << got.finished.error;
        if (got.finished.reason == Finished::Reason::kCancelled) continue;
        ASSERT_EQ(got.text, expected(house, copy));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  house.service->drain();
  EXPECT_EQ(ended, 200u);
  EXPECT_EQ(house.service->stats().global_blocks_used, 0u);
}

}  // namespace
}  // namespace g4
