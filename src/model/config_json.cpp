// config.json as transformers writes it, old and new spellings.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <cmath>

#include "model/config.h"
#include "model/config_reader.h"

namespace g4 {
namespace {

namespace json = boost::json;

Result<std::vector<bool>> sliding_layers(const ConfigReader& fields, std::int64_t n_layers) {
  std::vector<bool> sliding;
  const json::value* types = fields.find("layer_types");
  if (!types) {
    const std::int64_t pattern = G4_TRY(fields.integer("sliding_window_pattern", 6));
    if (pattern < 1)
      return Error{fmt::format("{}: \"sliding_window_pattern\" is {}, expected 1 or more",
                               fields.where(), pattern)};
    for (std::int64_t i = 0; i < n_layers; ++i) sliding.push_back((i + 1) % pattern != 0);
    return sliding;
  }
  if (!types->is_array() || types->get_array().size() != static_cast<std::size_t>(n_layers))
    return Error{
        fmt::format("{}: \"layer_types\" should list {} layers", fields.where(), n_layers)};
  for (const json::value& type : types->get_array()) {
    if (type == "sliding_attention")
      sliding.push_back(true);
    else if (type == "full_attention")
      sliding.push_back(false);
    else
      return Error{fmt::format(
          "{}: \"layer_types\" holds {}, expected \"sliding_attention\" or \"full_attention\"",
          fields.where(), json::serialize(type))};
  }
  return sliding;
}

// "per_layer_config": {"05": {"head_dim": 512, "num_key_value_heads": 2}}: keys may be padded, and
// what equals the model-wide value is left out.
Status apply_per_layer_config(const ConfigReader& fields, std::vector<LayerConfig>& layers) {
  const ConfigReader overrides = G4_TRY(fields.object("per_layer_config"));
  for (const auto& [key, value] : overrides.raw()) {
    std::size_t index = 0;
    const std::string_view text = key;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (bad != std::errc() || end != text.data() + text.size() || index >= layers.size())
      return Error{fmt::format("{}: \"{}\" is not one of {} layers", overrides.where(), text,
                               layers.size())};
    const ConfigReader layer = G4_TRY(overrides.object(key));
    layers[index].head_dim = G4_TRY(layer.integer("head_dim", layers[index].head_dim));
    layers[index].kv_heads = G4_TRY(layer.integer("num_key_value_heads", layers[index].kv_heads));
  }
  return {};
}

Result<RopeSpec> rope_spec(const ConfigReader& fields, bool sliding, Family family) {
  const ConfigReader all = G4_TRY(fields.object("rope_parameters"));
  const ConfigReader mine = G4_TRY(all.object(sliding ? "sliding_attention" : "full_attention"));
  RopeSpec rope;
  std::string type;
  if (family == Family::kGemma3) {
    // Before transformers 5: rope_theta, rope_local_base_freq, rope_scaling (full layers only).
    rope.theta = sliding ? G4_TRY(fields.number("rope_local_base_freq", 1e4))
                         : G4_TRY(fields.number("rope_theta", 1e6));
    type = "default";
    if (!sliding) {
      const ConfigReader scaling = G4_TRY(fields.object("rope_scaling"));
      rope.factor = G4_TRY(scaling.number("factor", 1));
      const char* key = scaling.find("rope_type") ? "rope_type" : "type";
      type = G4_TRY(scaling.string(key, type));
    }
  } else {
    rope.theta = sliding ? 1e4 : 1e6;
    rope.rotated = sliding ? 1 : 0.25;
    type = sliding ? "default" : "proportional";
  }
  rope.theta = G4_TRY(mine.number("rope_theta", rope.theta));
  rope.factor = G4_TRY(mine.number("factor", rope.factor));
  type = G4_TRY(mine.string("rope_type", type));
  if (type == "proportional")
    rope.rotated = G4_TRY(mine.number("partial_rotary_factor", rope.rotated));
  const bool known = type == "default" || type == "linear" ||
                     (type == "proportional" && family == Family::kGemma4);
  if (!known)
    return Error{
        fmt::format("{}: rope type \"{}\" is not one of this model's", mine.where(), type)};
  if (!(rope.theta > 1 && rope.factor > 0 && rope.rotated > 0 && rope.rotated <= 1))
    return Error{fmt::format("{}: rope theta {}, factor {} or rotated share {} is out of range",
                             mine.where(), rope.theta, rope.factor, rope.rotated)};
  return rope;
}

// What this engine does not compute is refused here, by name.
Status refuse_foreign_parts(const ConfigReader& fields, Family family) {
  const std::string activation = G4_TRY(fields.string("hidden_activation", "gelu_pytorch_tanh"));
  if (activation != "gelu_pytorch_tanh")
    return Error{fmt::format("{}: activation \"{}\", expected \"gelu_pytorch_tanh\"",
                             fields.where(), activation)};
  if (G4_TRY(fields.boolean("attention_bias")))
    return Error{fields.where() + ": attention biases are not part of this model"};
  if (fields.find("tie_word_embeddings") && !G4_TRY(fields.boolean("tie_word_embeddings")))
    return Error{fields.where() +
                 ": a head of its own (\"tie_word_embeddings\": false) is not part of this model"};
  if (fields.find("attn_logit_softcapping"))
    return Error{fields.where() + ": attention softcaps (Gemma 2) are not part of this model"};
  if (family == Family::kGemma3) return {};
  // Absent means 256 in transformers' own default.
  const std::int64_t per_layer = G4_TRY(fields.integer("hidden_size_per_layer_input", 256));
  if (per_layer != 0)
    return Error{
        fmt::format("{}: per-layer embeddings of {} values (Gemma 4 E2B/E4B); this engine "
                    "runs the 26B-A4B and 31B models, which have none",
                    fields.where(), per_layer)};
  if (G4_TRY(fields.integer("num_kv_shared_layers", 0)) != 0)
    return Error{fields.where() + ": layers that share KV (Gemma 4 E2B/E4B) are not supported"};
  if (G4_TRY(fields.string("use_bidirectional_attention", "")) == "all")
    return Error{fields.where() + ": bidirectional attention over all text is not supported"};
  return {};
}

Result<ModelConfig> from_fields(const ConfigReader& fields, Family family) {
  G4_TRY(refuse_foreign_parts(fields, family));
  ModelConfig config;
  config.family = family;
  config.hidden = G4_TRY(fields.integer("hidden_size"));
  config.heads = G4_TRY(fields.integer("num_attention_heads"));
  config.ffn = G4_TRY(fields.integer("intermediate_size"));
  config.vocab = G4_TRY(fields.integer("vocab_size", family == Family::kGemma3 ? 262208 : 262144));
  config.window = G4_TRY(fields.integer("sliding_window"));
  const std::int64_t context = G4_TRY(fields.integer("max_position_embeddings", 131072));
  config.context_tokens_max = static_cast<std::uint64_t>(std::max<std::int64_t>(context, 0));
  config.eps = static_cast<float>(G4_TRY(fields.number("rms_norm_eps", 1e-6)));
  config.softcap = static_cast<float>(G4_TRY(fields.number("final_logit_softcapping", 0)));
  if (family == Family::kGemma4 && G4_TRY(fields.boolean("enable_moe_block"))) {
    config.experts = G4_TRY(fields.integer("num_experts"));
    config.top_k = G4_TRY(fields.integer("top_k_experts"));
    const char* width =
        fields.find("moe_intermediate_size") ? "moe_intermediate_size" : "expert_intermediate_size";
    config.expert_ffn = G4_TRY(fields.integer(width));
  }

  const std::int64_t n_layers = G4_TRY(fields.integer("num_hidden_layers"));
  if (n_layers < 1 || n_layers > 1024)
    return Error{fmt::format("{}: \"num_hidden_layers\" is {}, expected 1 to 1024", fields.where(),
                             n_layers)};
  const std::vector<bool> sliding = G4_TRY(sliding_layers(fields, n_layers));
  const bool k_eq_v = family == Family::kGemma4 && G4_TRY(fields.boolean("attention_k_eq_v"));
  const std::int64_t kv_heads = G4_TRY(fields.integer("num_key_value_heads"));
  const std::int64_t head_dim = G4_TRY(fields.integer("head_dim", 256));
  const bool overrides = fields.find("per_layer_config") != nullptr;
  for (bool is_sliding : sliding) {
    LayerConfig layer{is_sliding, kv_heads, head_dim, k_eq_v && !is_sliding};
    if (family == Family::kGemma4 && !is_sliding && !overrides) {
      layer.head_dim = G4_TRY(fields.integer("global_head_dim", 512));
      if (k_eq_v) layer.kv_heads = G4_TRY(fields.integer("num_global_key_value_heads", kv_heads));
    }
    config.layers.push_back(layer);
  }
  G4_TRY(apply_per_layer_config(fields, config.layers));
  G4_TRY(check_config(config, fields.where()));

  config.embedding_scale = rounded_embedding_scale(config.hidden);
  if (family == Family::kGemma3) {
    const double scalar = G4_TRY(fields.number("query_pre_attn_scalar", 256));
    if (!(scalar > 0))
      return Error{fields.where() + ": \"query_pre_attn_scalar\" should be above 0"};
    config.attention_scale = static_cast<float>(1 / std::sqrt(scalar));
  }
  for (const LayerConfig& layer : config.layers) {
    auto& inv_freq = layer.sliding ? config.sliding_inv_freq : config.global_inv_freq;
    if (!inv_freq.empty()) continue;
    const RopeSpec rope = G4_TRY(rope_spec(fields, layer.sliding, family));
    inv_freq = inverse_frequencies(rope, layer.head_dim);
  }
  return config;
}

}  // namespace

std::string config_json_of(const Checkpoint& checkpoint) {
  return checkpoint.path() + ": config.json";
}

Result<json::object> read_config_json(const Checkpoint& checkpoint) {
  const std::string where = config_json_of(checkpoint);
  const auto text = checkpoint.side_file("config.json");
  if (!text) return Error{where + " is missing"};
  boost::system::error_code bad;
  json::value root = json::parse(*text, bad);
  if (bad || !root.is_object()) return Error{where + " is not a JSON object"};
  return std::move(root).as_object();
}

Result<ModelConfig> config_from_json(const Checkpoint& checkpoint) {
  const std::string where = config_json_of(checkpoint);
  const json::object root = G4_TRY(read_config_json(checkpoint));
  const ConfigReader top(root, where);
  const std::string type = G4_TRY(top.string("model_type", ""));
  const bool gemma4 = type == "gemma4" || type == "gemma4_text";
  const bool gemma3 = type == "gemma3" || type == "gemma3_text";
  if (!gemma4 && !gemma3)
    return Error{
        fmt::format("{}: model_type is \"{}\"; this engine runs \"gemma4\" (26B-A4B, 31B) "
                    "and \"gemma3\" text",
                    where, type)};
  const Family family = gemma4 ? Family::kGemma4 : Family::kGemma3;
  if (!top.find("text_config")) return from_fields(top, family);
  return from_fields(G4_TRY(top.object("text_config")), family);
}

}  // namespace g4
