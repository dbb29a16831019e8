#include "engine/draw.h"

#include <fmt/format.h>

#include <cassert>
#include <utility>

#include "engine/rule_workers.h"

namespace g4 {
namespace {

Result<SampledToken> sample(const StepSequence& sequence, const NextTokens& next,
                            std::span<float> logits) {
  DrawLimits limits{.banned = sequence.banned};
  if (std::holds_alternative<MaskedTokens>(next)) limits.allowed = sequence.rule->mask();
  if (const auto* forced = std::get_if<ForcedToken>(&next)) {
    if (forced->id < 0 || static_cast<std::size_t>(forced->id) >= logits.size())
      return Error{fmt::format("the constraint of the output wants token {}; there are {}",
                               forced->id, logits.size())};
    limits.forced = forced->id;
  }
  return sequence.sampler->sample(logits, limits);
}

}  // namespace

void draw(const StepSequence& sequence, std::span<float> logits, StepOutput& output) {
  assert(sequence.sampler != nullptr);
  const Result<NextTokens> any = NextTokens(AnyToken{});
  const Result<NextTokens>* const next = sequence.rule != nullptr ? sequence.rule->wait() : &any;
  if (next == nullptr) return;
  auto token = *next ? sample(sequence, **next, logits) : Result<SampledToken>(next->error());
  if (token)
    output.sampled = std::move(token).value();
  else
    output.error = std::move(token).error();
}

}  // namespace g4
