// One request on its way through the engine. Owned by the scheduler, touched by the engine thread
// only (built by the submitting thread before it is handed over).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/kv_pool.h"

namespace g4 {

struct Sequence {
  RequestId id = 0;  // also its age: lower is older
  EngineRequest request;
  EngineSink sink;
  std::optional<Sampler> sampler;  // none if only the prompt is scored

  std::vector<TokenId> tokens;  // prompt, then output
  std::uint64_t n_past = 0;     // tokens whose KV is stored; back to 0 after preemption
  SequenceBlocks blocks;

  std::uint64_t output_tokens = 0;
  bool prompt_reported = false;
  std::vector<SampledToken> prompt_logprobs;  // collected until the prompt is done

  std::uint64_t pending() const { return tokens.size() - n_past; }
  // One token that follows stored ones: an ordinary decode step.
  bool decoding() const { return n_past > 0 && pending() == 1; }
};

}  // namespace g4
