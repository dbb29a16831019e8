// A step's questions and answers: what a runner is asked about a sequence, and whether what it
// answers is an answer to that. Pure functions of the sequence; the engine thread.
#pragma once

#include <cstdint>
#include <span>

#include "engine/sequence.h"

namespace g4 {

// The sequence's next `tokens` pending tokens. Valid until the sequence changes.
StepSequence step_sequence(Sequence& sequence, std::uint64_t tokens);

Status check_outputs(std::span<const StepSequence> asked, std::span<const StepOutput> outputs);

}  // namespace g4
