// GGUF metadata as llama.cpp's converter writes it: keys under "gemma4." or "gemma3.".
#include <fmt/format.h>

#include <cmath>

#include "model/config.h"
#include "model/config_reader.h"
#include "weights/meta.h"

namespace g4 {
namespace {

Result<std::vector<bool>> sliding_layers(const Checkpoint& checkpoint, const ConfigKeys& keys,
                                         std::size_t n_layers) {
  const std::string key = keys.prefix() + "attention.sliding_window_pattern";
  const MetaValue* value = checkpoint.meta(key);
  if (value && std::holds_alternative<std::vector<bool>>(*value)) {
    std::vector<bool> sliding = G4_TRY(meta_bools(checkpoint, key));
    if (sliding.size() != n_layers)
      return Error{fmt::format("{}: \"{}\" has {} values for {} layers", checkpoint.path(), key,
                               sliding.size(), n_layers)};
    return sliding;
  }
  const std::int64_t pattern = G4_TRY(keys.integer("attention.sliding_window_pattern", 6));
  if (pattern < 1) return Error{fmt::format("{}: \"{}\" is 0", checkpoint.path(), key)};
  std::vector<bool> sliding;
  for (std::size_t i = 0; i < n_layers; ++i)
    sliding.push_back((i + 1) % static_cast<std::size_t>(pattern) != 0);
  return sliding;
}

Result<std::int64_t> vocabulary_size(const Checkpoint& checkpoint) {
  const TensorInfo* table = checkpoint.find("token_embd.weight");
  if (!table || table->shape.rank() != 2)
    return Error{checkpoint.path() +
                 ": tensor 'token_embd.weight' is missing or not a matrix: this "
                 "file holds no model (a vocabulary alone cannot run)"};
  return static_cast<std::int64_t>(std::min<std::uint64_t>(table->shape[0], 1ULL << 40));
}

// Gemma 4 writes its zero frequencies as divisors of 1e30 in rope_freqs.weight (gemma4.md 1.5).
Status apply_rope_freqs(const Checkpoint& checkpoint, std::vector<float>& inv_freq) {
  const TensorInfo* table = checkpoint.find("rope_freqs.weight");
  if (!table) return {};
  const std::vector<float> divisors = G4_TRY(checkpoint.read_f32(*table));
  if (divisors.size() != inv_freq.size())
    return Error{fmt::format("{}: tensor 'rope_freqs.weight' has {} values, expected {}",
                             checkpoint.path(), divisors.size(), inv_freq.size())};
  for (std::size_t i = 0; i < divisors.size(); ++i) {
    if (!(divisors[i] >= 1e-6F))
      return Error{
          fmt::format("{}: tensor 'rope_freqs.weight' holds {}, expected a divisor above 0",
                      checkpoint.path(), divisors[i])};
    inv_freq[i] = divisors[i] >= 1e29F ? 0.0F : inv_freq[i] / divisors[i];
  }
  return {};
}

Status read_rope(const Checkpoint& checkpoint, const ConfigKeys& keys, ModelConfig& config) {
  const bool gemma4 = config.family == Family::kGemma4;
  RopeSpec sliding, global;
  sliding.theta = G4_TRY(keys.number("rope.freq_base_swa", 1e4));
  global.theta = G4_TRY(keys.number("rope.freq_base", 1e6));
  global.factor = G4_TRY(keys.number("rope.scaling.factor", 1));
  if (!(sliding.theta > 1 && global.theta > 1 && global.factor > 0))
    return Error{fmt::format("{}: rope bases {} and {}, factor {}: out of range", checkpoint.path(),
                             sliding.theta, global.theta, global.factor)};
  for (const LayerConfig& layer : config.layers) {
    if (layer.sliding && config.sliding_inv_freq.empty())
      config.sliding_inv_freq = inverse_frequencies(sliding, layer.head_dim);
    if (!layer.sliding && config.global_inv_freq.empty()) {
      if (gemma4 && !checkpoint.find("rope_freqs.weight")) global.rotated = 0.25;
      config.global_inv_freq = inverse_frequencies(global, layer.head_dim);
      if (gemma4) G4_TRY(apply_rope_freqs(checkpoint, config.global_inv_freq));
    }
  }
  return {};
}

Status refuse_foreign_parts(const Checkpoint& checkpoint, const ConfigKeys& keys) {
  const std::int64_t per_layer = G4_TRY(keys.integer("embedding_length_per_layer_input", 0));
  if (per_layer != 0)
    return Error{
        fmt::format("{}: per-layer embeddings of {} values (Gemma 4 E2B/E4B); this engine "
                    "runs the 26B-A4B and 31B models, which have none",
                    checkpoint.path(), per_layer)};
  if (G4_TRY(keys.integer("attention.shared_kv_layers", 0)) != 0)
    return Error{checkpoint.path() + ": layers that share KV (Gemma 4 E2B/E4B) are not supported"};
  return {};
}

// Gemma 3's score scale where the file does not say: 1/sqrt(head_dim), but for the 27B model
// 1/sqrt(hidden/heads).
float gemma3_attention_scale(const ModelConfig& config) {
  constexpr std::size_t kLayersOf27B = 62;
  const double divisor =
      config.layers.size() == kLayersOf27B
          ? static_cast<double>(config.hidden) / static_cast<double>(config.heads)
          : static_cast<double>(config.layers.front().head_dim);
  return static_cast<float>(1 / std::sqrt(divisor));
}

}  // namespace

Result<ModelConfig> config_from_gguf(const Checkpoint& checkpoint) {
  const std::string architecture = G4_TRY(meta_string(checkpoint, "general.architecture"));
  if (architecture != "gemma4" && architecture != "gemma3")
    return Error{
        fmt::format("{}: general.architecture is \"{}\"; this engine runs \"gemma4\" "
                    "(26B-A4B, 31B) and \"gemma3\" text",
                    checkpoint.path(), architecture)};
  const ConfigKeys keys(checkpoint, architecture);
  ModelConfig config;
  config.family = architecture == "gemma4" ? Family::kGemma4 : Family::kGemma3;
  const bool gemma4 = config.family == Family::kGemma4;
  if (gemma4) G4_TRY(refuse_foreign_parts(checkpoint, keys));

  config.hidden = G4_TRY(keys.integer("embedding_length"));
  config.heads = G4_TRY(keys.integer("attention.head_count"));
  config.ffn = G4_TRY(keys.integer("feed_forward_length"));
  config.window = G4_TRY(keys.integer("attention.sliding_window"));
  config.context_tokens_max = static_cast<std::uint64_t>(G4_TRY(keys.integer("context_length")));
  config.eps = static_cast<float>(G4_TRY(keys.number("attention.layer_norm_rms_epsilon", 1e-6)));
  config.softcap = static_cast<float>(G4_TRY(keys.number("final_logit_softcapping", 0)));
  config.vocab = G4_TRY(vocabulary_size(checkpoint));
  if (gemma4) {
    config.experts = G4_TRY(keys.integer("expert_count", 0));
    if (config.experts > 0) {
      config.top_k = G4_TRY(keys.integer("expert_used_count"));
      config.expert_ffn = G4_TRY(keys.integer("expert_feed_forward_length"));
    }
  }

  const std::int64_t n_layers = G4_TRY(keys.integer("block_count"));
  if (n_layers < 1 || n_layers > 1024)
    return Error{fmt::format("{}: \"{}block_count\" is {}, expected 1 to 1024", checkpoint.path(),
                             keys.prefix(), n_layers)};
  const auto count = static_cast<std::size_t>(n_layers);
  const std::vector<bool> sliding = G4_TRY(sliding_layers(checkpoint, keys, count));
  const std::vector<std::int64_t> kv_heads =
      G4_TRY(keys.per_layer("attention.head_count_kv", count));
  const std::int64_t global_dim = G4_TRY(keys.integer("attention.key_length", 256));
  const std::int64_t sliding_dim = G4_TRY(keys.integer("attention.key_length_swa", global_dim));
  for (std::size_t i = 0; i < count; ++i) {
    const bool k_eq_v =
        gemma4 && !checkpoint.find(fmt::format("blk.{}.attn_v.weight", i)) && !sliding[i];
    config.layers.push_back(
        {sliding[i], kv_heads[i], sliding[i] ? sliding_dim : global_dim, k_eq_v});
  }
  G4_TRY(check_config(config, checkpoint.path()));
  config.embedding_scale = rounded_embedding_scale(config.hidden);
  const float usual = gemma4 ? 1.0F : gemma3_attention_scale(config);
  config.attention_scale =
      static_cast<float>(G4_TRY(keys.number("attention.scale", static_cast<double>(usual))));
  if (!(config.attention_scale > 0 && std::isfinite(config.attention_scale)))
    return Error{fmt::format("{}: \"{}attention.scale\" is {}, expected a number above 0",
                             checkpoint.path(), keys.prefix(), config.attention_scale)};
  G4_TRY(read_rope(checkpoint, keys, config));
  return config;
}

}  // namespace g4
