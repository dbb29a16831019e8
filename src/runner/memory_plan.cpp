#include "runner/memory_plan.h"

#include <fmt/format.h>

#include <algorithm>

namespace g4 {
namespace {

std::uint64_t u64(std::int64_t value) { return static_cast<std::uint64_t>(value); }
std::uint64_t blocks_for(std::uint64_t tokens) {
  return (tokens + MemoryPlan::kBlockTokens - 1) / MemoryPlan::kBlockTokens;
}

// K and V of one position in all layers of a kind.
std::uint64_t position_bytes(const ModelConfig& config, bool sliding, std::uint32_t value_bytes) {
  std::uint64_t values = 0;
  for (const LayerConfig& layer : config.layers)
    if (layer.sliding == sliding) values += 2 * u64(layer.kv_heads * layer.head_dim);
  return values * value_bytes;
}

std::uint64_t activation_bytes(const ModelConfig& config, std::uint64_t rows) {
  std::int64_t head_dim = 0, kv_width = 0;
  for (const LayerConfig& layer : config.layers) {
    head_dim = std::max(head_dim, layer.head_dim);
    kv_width = std::max(kv_width, layer.kv_heads * layer.head_dim);
  }
  // decoder.h's Mats, and what a backend keeps for the widest operation.
  const std::int64_t row = 4 * config.hidden + 2 * config.heads * head_dim + 2 * kv_width +
                           2 * head_dim + 3 * config.ffn + 3 * config.top_k * config.expert_ffn +
                           config.top_k * config.hidden;
  return 4 * (u64(row) * rows + u64(config.vocab) * MemoryPlan::kLogitRows);
}

}  // namespace

Result<MemoryPlan> plan_memory(const ModelConfig& config, std::uint64_t weight_bytes,
                               const MemoryRequest& request, const VisionMemory& vision) {
  MemoryPlan plan;
  plan.image_tokens_max = vision.image_tokens_max;
  plan.weight_bytes = weight_bytes + vision.weight_bytes;
  plan.activation_bytes = activation_bytes(config, plan.step_rows_max()) + vision.activation_bytes;
  plan.context_tokens = request.context_tokens;
  if (plan.context_tokens == 0)
    plan.context_tokens = std::min(config.context_tokens_max, MemoryPlan::kContextDefault);
  if (plan.context_tokens > config.context_tokens_max)
    return Error{
        fmt::format("a context of {} tokens was asked for, but this model was trained for {}",
                    plan.context_tokens, config.context_tokens_max)};
  if (request.parallel < 1 || request.parallel > 256)
    return Error{
        fmt::format("{} parallel sequences were asked for, expected 1 to 256", request.parallel)};
  plan.parallel = request.parallel;

  // The ring must hold the window of the first token of a chunk and the chunk itself.
  const std::uint64_t window_span =
      std::min(plan.context_tokens, u64(config.window) - 1 + plan.step_rows_max());
  const std::uint64_t ring = std::min(blocks_for(plan.context_tokens), blocks_for(window_span) + 1);
  const std::uint64_t global = blocks_for(plan.context_tokens);
  KvLimits& kv = plan.kv;
  kv.block_tokens = MemoryPlan::kBlockTokens;
  kv.sliding_ring_blocks = static_cast<std::uint32_t>(ring);
  kv.global_block_bytes =
      position_bytes(config, false, request.kv_value_bytes) * MemoryPlan::kBlockTokens;
  kv.sliding_block_bytes =
      position_bytes(config, true, request.kv_value_bytes) * MemoryPlan::kBlockTokens;

  const std::uint64_t one = ring * kv.sliding_block_bytes + global * kv.global_block_bytes;
  if (request.kv_bytes != 0 && request.kv_bytes < one)
    return Error{
        fmt::format("one sequence of {} tokens needs {} of KV memory, but only {} was allowed: "
                    "ask for a shorter --context or more --kv-memory",
                    plan.context_tokens, readable_bytes(one), readable_bytes(request.kv_bytes))};
  const std::uint64_t budget =
      request.kv_bytes != 0 ? request.kv_bytes : std::max(one, MemoryPlan::kKvBytesDefault);
  const double sequences = std::min(static_cast<double>(plan.parallel),
                                    static_cast<double>(budget) / static_cast<double>(one));
  kv.sliding_blocks = static_cast<std::uint32_t>(sequences * static_cast<double>(ring));
  kv.global_blocks = static_cast<std::uint32_t>(sequences * static_cast<double>(global));
  plan.kv_bytes =
      kv.sliding_blocks * kv.sliding_block_bytes + kv.global_blocks * kv.global_block_bytes;
  return plan;
}

std::string readable_bytes(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes >= std::uint64_t{1} << 30) return fmt::format("{:.1f} GiB", value / (1 << 30));
  if (bytes >= std::uint64_t{1} << 20) return fmt::format("{:.0f} MiB", value / (1 << 20));
  return fmt::format("{:.0f} KiB", value / 1024);
}

}  // namespace g4
