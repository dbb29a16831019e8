#include <fmt/format.h>

#include <cmath>

#include "sampling/sampler.h"

namespace g4 {
namespace {

Status in_range(const char* field, float value, float low, float high) {
  if (value >= low && value <= high) return {};
  return Error{fmt::format("{} is {}; it must lie between {} and {}", field, value, low, high)};
}

Status known_token(const char* field, TokenId id, std::size_t vocab_size) {
  if (id >= 0 && static_cast<std::size_t>(id) < vocab_size) return {};
  return Error{
      fmt::format("{} names token {}; the vocabulary has ids 0 to {}", field, id, vocab_size - 1)};
}

Status validate_token_lists(const SamplingParams& params, std::size_t vocab_size) {
  for (const auto& [id, bias] : params.logit_bias) {
    G4_TRY(known_token("logit_bias", id, vocab_size));
    G4_TRY(in_range(fmt::format("logit_bias of token {}", id).c_str(), bias, -100, 100));
  }
  if (!params.allowed_tokens) return {};
  if (params.allowed_tokens->empty())
    return Error{"allowed_tokens is empty; at least one token must be allowed"};
  for (const TokenId id : *params.allowed_tokens)
    G4_TRY(known_token("allowed_tokens", id, vocab_size));
  return {};
}

}  // namespace

Status validate(const SamplingParams& params, std::size_t vocab_size) {
  constexpr std::uint32_t kLogprobsMax = 100;
  G4_TRY(in_range("temperature", params.temperature, 0, 100));
  if (!(params.top_p > 0 && params.top_p <= 1))
    return Error{fmt::format("top_p is {}; it must be above 0 and at most 1", params.top_p)};
  G4_TRY(in_range("min_p", params.min_p, 0, 1));
  if (!(params.repetition_penalty > 0) || !std::isfinite(params.repetition_penalty))
    return Error{fmt::format("repetition_penalty is {}; it must be a finite number above 0",
                             params.repetition_penalty)};
  G4_TRY(in_range("frequency_penalty", params.frequency_penalty, -2, 2));
  G4_TRY(in_range("presence_penalty", params.presence_penalty, -2, 2));
  if (params.logprobs && *params.logprobs > kLogprobsMax)
    return Error{
        fmt::format("logprobs is {}; at most {} are given", *params.logprobs, kLogprobsMax)};
  return validate_token_lists(params, vocab_size);
}

}  // namespace g4
