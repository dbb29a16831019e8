// One sequence's sampler: logits in, one token (and log-probabilities) out.
//
// Order: [logprobs are taken here, from the model's own distribution: raw logits] -> logit bias ->
// penalties (repetition, frequency, presence) -> forbidden ids -> temperature -> top-k -> top-p ->
// min-p -> draw. Temperature 0 is greedy (ties: lowest id).
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
#include "text/token_mask.h"
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

// What one draw must keep to, besides the params.
struct DrawLimits {
  // E.g. stop tokens while a minimum of tokens is not reached. Gives way where it would leave none.
  std::span<const TokenId> banned = {};
  TokenMask allowed = {};              // a rule's; all others are forbidden. Empty: no rule
  std::optional<TokenId> forced = {};  // taken instead of a draw, whatever else would forbid it
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
  // An Error, with nothing counted, if `allowed` leaves no token that may be drawn; never without.
  Result<SampledToken> sample(std::span<float> logits, const DrawLimits& limits = {});

 private:
  struct Impl;
  explicit Sampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Log-probabilities of `id` and of the `n_top` best tokens under softmax(logits). For prompt
// logprobs. The logprob of the best token equals top[0].logprob bit for bit.
SampledToken token_logprob(std::span<const float> logits, TokenId id, std::uint32_t n_top);

}  // namespace g4
