// The draw that ends a sequence's share of a step, the same for every runner.
#pragma once

#include <span>

#include "engine/runner.h"

namespace g4 {

// For a sequence that has a sampler; `logits` are those after its last position (overwritten).
// Sets output.sampled, or output.error if no token can follow. Waits for the sequence's rule as
// long as a step may; sets neither if it is late. So it comes when the step is computed.
void draw(const StepSequence& sequence, std::span<float> logits, StepOutput& output);

}  // namespace g4
