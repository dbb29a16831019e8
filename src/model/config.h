// ModelConfig: the shape of one decoder, read from config.json or GGUF metadata.
//
// Families: Gemma 4 text (26B-A4B with experts, 31B dense) and Gemma 3 text (270M to 27B). Anything
// else is refused with a sentence: per-layer embeddings (E2B/E4B), shared KV layers, other models.
// Every number is range-checked here, so that later code may multiply sizes without care.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "weights/checkpoint.h"

namespace g4 {

enum class Family : std::uint8_t { kGemma3, kGemma4 };

struct LayerConfig {
  bool sliding = false;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  bool k_eq_v = false;  // no v projection: V comes from the raw K projection
};

struct ModelConfig {
  Family family = Family::kGemma4;
  std::int64_t hidden = 0;
  std::int64_t heads = 0;  // query heads, the same in every layer
  std::int64_t ffn = 0;    // width of the dense FFN
  std::int64_t vocab = 0;
  std::int64_t experts = 0;  // 0: dense model
  std::int64_t top_k = 0;
  std::int64_t expert_ffn = 0;
  std::int64_t window = 0;  // sliding layers see this many positions, themselves included
  std::uint64_t context_tokens_max = 0;
  float eps = 1e-6F;
  float softcap = 0;  // of the logits; 0: none
  float attention_scale =
      1;  // Gemma 4: 1 (q and k are normed); Gemma 3: query_pre_attn_scalar^-1/2
  float embedding_scale = 1;  // sqrt(hidden) rounded to bf16 (gemma4.md 1.4)
  std::vector<LayerConfig> layers;
  // 1/frequency of each rotated pair, head_dim/2 values; 0 leaves a pair as it is.
  std::vector<float> sliding_inv_freq;
  std::vector<float> global_inv_freq;

  std::string description() const;  // "Gemma 4, 30 layers, hidden 2816, 128 experts (8 active)"
};

Result<ModelConfig> read_config(const Checkpoint& checkpoint);

// How a checkpoint says it wants to be sampled (generation_config.json; GGUF says nothing).
struct GenerationDefaults {
  float temperature = 1.0F;
  std::uint32_t top_k = 64;
  float top_p = 0.95F;
};
Result<GenerationDefaults> read_generation_defaults(const Checkpoint& checkpoint);

// The two readers behind read_config, and what they share.
Result<ModelConfig> config_from_json(const Checkpoint& checkpoint);
Result<ModelConfig> config_from_gguf(const Checkpoint& checkpoint);

struct RopeSpec {
  double theta = 10000;
  double factor = 1;   // linear scaling: positions are divided by it
  double rotated = 1;  // share of the pairs that rotate; the exponent's denominator stays head_dim
};
std::vector<float> inverse_frequencies(const RopeSpec& rope, std::int64_t head_dim);

// Checks every size against its limits; `where` names the file for the sentence.
Status check_config(const ModelConfig& config, const std::string& where);
// sqrt(hidden), rounded to bf16.
float rounded_embedding_scale(std::int64_t hidden);

}  // namespace g4
