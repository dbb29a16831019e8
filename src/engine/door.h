// The engine's door: which requests can be computed at all, and how much output fits.
// Pure functions of the request and the runner's limits; any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "engine/engine.h"

namespace g4 {

// Why this request can never be computed here; none if it can. Once through, a sequence that has
// the machine to itself always finishes.
std::optional<Refusal> check_request(const EngineRequest& request, const RunnerLimits& limits);

// Most output tokens that a prompt of this length can have (context and KV memory); 0 if none.
std::uint64_t output_tokens_room(const RunnerLimits& limits, std::uint64_t prompt_tokens);

}  // namespace g4
