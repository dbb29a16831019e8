#include "engine/step.h"

#include <fmt/format.h>

#include <algorithm>

namespace g4 {
namespace {

// Those of the images whose tokens are among positions [begin, end); the scheduler cuts none.
std::span<const ImageSpan> images_among(std::span<const ImageSpan> images, std::uint64_t begin,
                                        std::uint64_t end) {
  const auto before = [](const ImageSpan& image, std::uint64_t at) { return image.begin < at; };
  const auto first = std::lower_bound(images.begin(), images.end(), begin, before);
  return {first, std::lower_bound(first, images.end(), end, before)};
}

bool is_answer(const StepSequence& asked, const StepOutput& got) {
  if (got.prompt_logprobs.size() != asked.next_tokens.size()) return false;
  if (asked.sampler == nullptr) return !got.sampled && !got.error;
  return got.sampled || got.error || asked.rule != nullptr;
}

}  // namespace

StepSequence step_sequence(Sequence& sequence, std::uint64_t n_tokens) {
  const std::span<const TokenId> tokens = sequence.tokens;
  const EngineRequest& request = sequence.request;
  StepSequence step;
  step.tokens = tokens.subspan(sequence.n_past, n_tokens);
  step.n_past = sequence.n_past;
  step.global_blocks = sequence.blocks.global;
  step.sliding_blocks = sequence.blocks.sliding;
  step.images = images_among(request.images, step.n_past, step.n_past + n_tokens);
  step.encoded = std::span(sequence.encoded).subspan(sequence.next_image(), step.images.size());
  if (sequence.sampler && n_tokens == sequence.pending()) {
    step.sampler = &*sequence.sampler;
    step.rule = sequence.rule.get();
    if (sequence.output_tokens < request.output_tokens_min) step.banned = request.stop_tokens;
  }
  if (request.prompt_logprobs && !sequence.prompt_reported) {
    const std::uint64_t end =
        std::min<std::uint64_t>(sequence.n_past + n_tokens + 1, request.prompt.size());
    step.prompt_logprobs = request.prompt_logprobs;
    step.next_tokens = tokens.subspan(sequence.n_past + 1, end - sequence.n_past - 1);
  }
  return step;
}

Status check_outputs(std::span<const StepSequence> asked, std::span<const StepOutput> outputs) {
  if (outputs.size() != asked.size())
    return Error{
        fmt::format("the model answered {} of {} sequences", outputs.size(), asked.size())};
  if (!std::equal(asked.begin(), asked.end(), outputs.begin(), is_answer))
    return Error{"the model's answer does not match what the step asked"};
  return {};
}

}  // namespace g4
