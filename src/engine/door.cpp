#include "engine/door.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/kv_pool.h"

namespace g4 {
namespace {

Refusal invalid(std::string message) { return {Refusal::Kind::kInvalid, std::move(message)}; }

std::optional<Refusal> check_tokens(const char* field, std::span<const TokenId> tokens,
                                    std::size_t vocab_size) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && static_cast<std::size_t>(tokens[i]) < vocab_size) continue;
    return invalid(fmt::format("{} token {} is {}; the vocabulary has ids 0 to {}", field, i,
                               tokens[i], vocab_size - 1));
  }
  return std::nullopt;
}

std::optional<Refusal> check_length(const EngineRequest& request, const RunnerLimits& limits) {
  const std::uint64_t prompt = request.prompt.size();
  const std::uint64_t output = request.output_tokens_max;
  const std::uint64_t context = limits.context_tokens_max;
  if (prompt > context || output > context - prompt)
    return Refusal{Refusal::Kind::kTooLong,
                   fmt::format("{} prompt tokens and {} output tokens are more than the context of "
                               "{} tokens",
                               prompt, output, context)};
  // The last output token is never computed further, so it needs no KV.
  const std::uint64_t positions = prompt + output - (output > 0 ? 1 : 0);
  const BlockCount need = blocks_for(limits.kv, positions);
  if (need.global <= limits.kv.global_blocks && need.sliding <= limits.kv.sliding_blocks)
    return std::nullopt;
  return Refusal{
      Refusal::Kind::kTooLong,
      fmt::format("{} prompt tokens and {} output tokens need {} global and {} sliding KV blocks; "
                  "this server has {} and {} (room for {} tokens)",
                  prompt, output, need.global, need.sliding, limits.kv.global_blocks,
                  limits.kv.sliding_blocks, kv_positions_max(limits.kv))};
}

std::optional<Refusal> check_images(const EngineRequest& request, const RunnerLimits& limits) {
  if (!request.images.empty() && limits.image_tokens_max == 0)
    return invalid("this model reads text only: it was loaded without a vision tower");
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < request.images.size(); ++i) {
    const ImageSpan& span = request.images[i];
    if (span.begin < end || span.end <= span.begin || span.end > request.prompt.size())
      return invalid(fmt::format("image {} stands at tokens {} to {} of a prompt of {}", i,
                                 span.begin, span.end, request.prompt.size()));
    end = span.end;
    const std::uint64_t tokens = span.end - span.begin;
    if (!span.image || span.image->soft_tokens != tokens || tokens > limits.image_tokens_max)
      return invalid(fmt::format(
          "image {} has {} places in the prompt and {} soft tokens; at most "
          "{} are taken",
          i, tokens, span.image ? span.image->soft_tokens : 0, limits.image_tokens_max));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> check_request(const EngineRequest& request, const RunnerLimits& limits) {
  constexpr std::uint32_t kPromptLogprobsMax = 100;
  if (request.prompt.empty()) return invalid("the prompt is empty; it needs at least one token");
  if (auto refusal = check_length(request, limits)) return refusal;
  if (request.output_tokens_min > request.output_tokens_max)
    return invalid(fmt::format("at least {} output tokens are asked, but at most {}",
                               request.output_tokens_min, request.output_tokens_max));
  if (request.prompt_logprobs && *request.prompt_logprobs > kPromptLogprobsMax)
    return invalid(fmt::format("prompt_logprobs is {}; at most {} are given",
                               *request.prompt_logprobs, kPromptLogprobsMax));
  if (auto refusal = check_tokens("prompt", request.prompt, limits.vocab_size)) return refusal;
  if (auto refusal = check_images(request, limits)) return refusal;
  if (auto refusal = check_tokens("stop", request.stop_tokens, limits.vocab_size)) return refusal;
  if (const Status status = validate(request.sampling, limits.vocab_size); !status)
    return invalid(status.error().message);
  if (request.repetition)
    if (const Status status = validate(*request.repetition); !status)
      return invalid(status.error().message);
  return std::nullopt;
}

std::uint64_t output_tokens_room(const RunnerLimits& limits, std::uint64_t prompt_tokens) {
  const std::uint64_t total = std::min(limits.context_tokens_max, kv_positions_max(limits.kv) + 1);
  return total - std::min(total, prompt_tokens);
}

}  // namespace g4
