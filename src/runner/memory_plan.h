// What a model will take of memory, known before any weight is read.
//
// KV comes in blocks of kBlockTokens positions: a global block holds them for all global layers, a
// sliding block for all sliding layers (engine/runner.h). The pools are sized for `parallel`
// sequences of full length where that fits the budget, and never for less than one.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "engine/runner.h"
#include "model/config.h"

namespace g4 {

struct MemoryRequest {
  std::uint64_t context_tokens = 0;  // of one sequence; 0: the model's own, at most kContextDefault
  std::uint32_t parallel = 8;        // sequences that run at once
  std::uint64_t kv_bytes = 0;        // budget for KV; 0: one full sequence or kKvBytesDefault
  std::uint32_t kv_value_bytes = 2;  // of one cached value: 2 (cpu, f16) or 4 (reference, f32)
};

// Of a vision tower, if the model has one: its weights, and the work space of its largest image.
struct VisionMemory {
  std::uint64_t weight_bytes = 0;
  std::uint64_t activation_bytes = 0;
  std::uint32_t image_tokens_max = 0;
};

struct MemoryPlan {
  static constexpr std::uint32_t kBlockTokens = 64;
  static constexpr std::uint32_t kStepTokens = 512;  // rows of one step, also a prompt chunk's most
  static constexpr std::uint32_t kLogitRows = 32;    // rows of logits computed at a time
  static constexpr std::uint64_t kContextDefault = 8192;
  static constexpr std::uint64_t kKvBytesDefault = std::uint64_t{1} << 30;

  std::uint64_t context_tokens = 0;
  std::uint32_t parallel = 0;
  KvLimits kv;
  std::uint32_t image_tokens_max = 0;  // of one image; a step may have so many rows more
  std::uint64_t weight_bytes = 0;      // decoder and vision tower
  std::uint64_t kv_bytes = 0;          // of the pools; touched only as sequences grow
  std::uint64_t activation_bytes = 0;
  // How many sequences of context_tokens fit into the KV pools at once; others wait their turn.
  std::uint32_t full_length_sequences() const { return kv.sliding_blocks / kv.sliding_ring_blocks; }
  std::uint32_t step_rows_max() const { return kStepTokens + image_tokens_max; }
  std::uint64_t total_bytes() const { return weight_bytes + kv_bytes + activation_bytes; }
};

Result<MemoryPlan> plan_memory(const ModelConfig& config, std::uint64_t weight_bytes,
                               const MemoryRequest& request, const VisionMemory& vision = {});

// "3.4 GiB", "812 MiB"
std::string readable_bytes(std::uint64_t bytes);

}  // namespace g4
