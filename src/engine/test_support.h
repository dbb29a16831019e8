// For the tests of this room: requests, their events, and what they must give.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/fake_runner.h"

namespace g4 {

struct Outcome {
  bool prompt_seen = false;
  std::vector<SampledToken> prompt_logprobs;
  std::vector<TokenId> tokens;
  std::vector<SampledToken> sampled;  // the same with what was reported of them
  FinishEvent finish{};
};

// Collects one request's events; checks their order.
class Collector {
 public:
  EngineSink sink() {
    return [state = state_](EngineEvent event) {
      Outcome& o = state->outcome;
      if (auto* prompt = std::get_if<PromptEvent>(&event)) {
        EXPECT_FALSE(o.prompt_seen);
        o.prompt_seen = true;
        o.prompt_logprobs = std::move(prompt->logprobs);
      } else if (auto* token = std::get_if<TokenEvent>(&event)) {
        EXPECT_TRUE(o.prompt_seen);
        o.tokens.push_back(token->token.id);
        o.sampled.push_back(token->token);
      } else {
        o.finish = std::get<FinishEvent>(std::move(event));
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

inline EngineRequest request(std::vector<TokenId> prompt, std::uint64_t output_tokens_max) {
  EngineRequest r;
  r.prompt = std::move(prompt);
  r.output_tokens_max = output_tokens_max;
  r.sampling.seed = 7;
  return r;
}

inline std::vector<TokenId> random_prompt(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<TokenId> prompt(n);
  for (TokenId& t : prompt) t = static_cast<TokenId>(random() % 300);
  return prompt;
}

// What the request must give, computed without engine, scheduler and blocks, and the rule in line.
inline std::vector<TokenId> expected(const EngineRequest& r, std::vector<FakeScript> scripts = {}) {
  auto sampler = Sampler::create(r.sampling, 300, r.prompt, {});
  const std::unique_ptr<TokenRule> rule = r.rule ? r.rule().value() : nullptr;
  std::vector<std::uint32_t> mask(mask_words(300));
  std::vector<TokenId> history = r.prompt;
  std::vector<float> logits(300);
  for (std::uint64_t n = 0; n < r.output_tokens_max; ++n) {
    fake_logits(history, scripts, logits);
    DrawLimits limits;
    if (n < r.output_tokens_min) limits.banned = r.stop_tokens;
    const NextTokens next = rule ? rule->next(mask).value() : AnyToken{};
    if (std::holds_alternative<MaskedTokens>(next)) limits.allowed = mask;
    if (const auto* forced = std::get_if<ForcedToken>(&next)) limits.forced = forced->id;
    const TokenId id = sampler->sample(logits, limits).value().id;
    if (std::count(r.stop_tokens.begin(), r.stop_tokens.end(), id) != 0) break;
    history.push_back(id);
    if (rule) {
      EXPECT_TRUE(rule->accept(id));
    }
  }
  return {history.begin() + static_cast<std::ptrdiff_t>(r.prompt.size()), history.end()};
}

struct House {
  explicit House(FakeRunnerOptions fake = {}, EngineOptions options = {})
      : engine(std::make_unique<FakeRunner>(std::move(fake)), std::move(options)) {}
  explicit House(std::unique_ptr<Runner> runner) : engine(std::move(runner), {}) {}
  Outcome run(EngineRequest r) {
    Collector collector;
    const auto result = engine.submit(std::move(r), collector.sink());
    if (const auto* refusal = std::get_if<Refusal>(&result)) {
      ADD_FAILURE() << refusal->message;
      return {};
    }
    return collector.wait();
  }
  Refusal refused(EngineRequest r) {
    const auto result = engine.submit(std::move(r), [](EngineEvent) {});
    if (const auto* refusal = std::get_if<Refusal>(&result)) return *refusal;
    ADD_FAILURE() << "taken";
    return {};
  }
  Engine engine;
};

}  // namespace g4
