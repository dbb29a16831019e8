// One sequence's sampler: logits in, one token (and log-probabilities) out.
//
// Order: logit bias -> penalties (repetition, frequency, presence) -> [logprobs are taken here,
// from the model's own distribution before temperature, as OpenAI and vLLM report them: raw logits]
// -> temperature -> top-k -> top-p -> min-p -> draw. Temperature 0 is greedy (ties: lowest id).
// Seed: one counter-based generator per sequence, a function of (seed, number of tokens drawn), so
// the same seed gives the same words whatever runs beside it and after preemption.
// Threads: one at a time. Allocates in create() only; sample() allocates nothing for vocab-sized
// work.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/shared_list.h"
#include "text/tokenizer.h"

namespace g4 {

struct SamplingParams {
  float temperature = 1.0F;                          // 0 = greedy; 0..100
  std::uint32_t top_k = 64;                          // 0 = off
  float top_p = 0.95F;                               // (0, 1]; 1 = off
  float min_p = 0.0F;                                // [0, 1]; 0 = off
  float repetition_penalty = 1.0F;                   // > 0; over prompt and output, as transformers
  float frequency_penalty = 0.0F;                    // -2..2; over output only, as OpenAI
  float presence_penalty = 0.0F;                     // -2..2
  SharedList<std::pair<TokenId, float>> logit_bias;  // -100 forbids in practice
  std::optional<SharedList<TokenId>> allowed_tokens;  // all others are forbidden
  std::optional<std::uint64_t> seed;                  // absent: the engine draws one at random
  std::optional<std::uint32_t> logprobs;  // per token: how many best alternatives (0..100)
};

// Says which field is out of range; every number a client can send goes through here.
Status validate(const SamplingParams& params, std::size_t vocab_size);

struct TokenLogprob {
  TokenId id;
  float logprob;  // natural log
};

struct SampledToken {
  TokenId id = 0;
  float logprob = 0;              // of id; set if logprobs were asked
  std::uint32_t rank = 0;         // of id by logits, 1 is the best; set with logprob
  std::vector<TokenLogprob> top;  // best first
};

class Sampler {
 public:
  // `suppressed` are ids never to be drawn (image placeholders and the like).
  static Result<Sampler> create(const SamplingParams& params, std::size_t vocab_size,
                                std::span<const TokenId> prompt,
                                std::span<const TokenId> suppressed);
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;
  ~Sampler();

  // Draws from `logits` (vocab_size values, overwritten as scratch) and counts the token as output.
  // `banned` are ids forbidden in this step only (e.g. stop tokens while min_tokens is not
  // reached).
  SampledToken sample(std::span<float> logits, std::span<const TokenId> banned = {});

 private:
  struct Impl;
  explicit Sampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Log-probabilities of `id` and of the `n_top` best tokens under softmax(logits). For prompt
// logprobs. The logprob of the best token equals top[0].logprob bit for bit.
SampledToken token_logprob(std::span<const float> logits, TokenId id, std::uint32_t n_top);

}  // namespace g4
