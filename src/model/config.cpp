#include "model/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/f16.h"

namespace g4 {

std::string ModelConfig::description() const {
  const auto sliding = std::count_if(layers.begin(), layers.end(),
                                     [](const LayerConfig& layer) { return layer.sliding; });
  std::string text = fmt::format(
      "{}, {} layers ({} sliding with a window of {}), hidden {}, {} heads, vocabulary {}",
      family == Family::kGemma4 ? "Gemma 4" : "Gemma 3", layers.size(), sliding, window, hidden,
      heads, vocab);
  if (experts > 0) text += fmt::format(", {} experts ({} active)", experts, top_k);
  return text;
}

Result<ModelConfig> read_config(const Checkpoint& checkpoint) {
  return checkpoint.format() == Checkpoint::Format::kGguf ? config_from_gguf(checkpoint)
                                                          : config_from_json(checkpoint);
}

std::vector<float> inverse_frequencies(const RopeSpec& rope, std::int64_t head_dim) {
  const std::int64_t half = head_dim / 2;
  const auto live = static_cast<std::int64_t>(rope.rotated * static_cast<double>(half));
  std::vector<float> inv_freq(static_cast<std::size_t>(half), 0.0F);
  for (std::int64_t i = 0; i < live; ++i) {
    // In f32 steps as transformers does: the exponent, the power and the quotient each round.
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(head_dim);
    const auto power = static_cast<float>(std::pow(rope.theta, static_cast<double>(exponent)));
    inv_freq[static_cast<std::size_t>(i)] = 1.0F / power / static_cast<float>(rope.factor);
  }
  return inv_freq;
}

float rounded_embedding_scale(std::int64_t hidden) {
  return bf16_to_f32(f32_to_bf16(std::sqrt(static_cast<float>(hidden))));
}

namespace {

struct Range {
  const char* what;
  std::int64_t value, low, high;
};

}  // namespace

Status check_config(const ModelConfig& config, const std::string& where) {
  const bool moe = config.experts > 0;
  const Range ranges[] = {
      {"hidden size", config.hidden, 1, 1 << 16},
      {"number of layers", static_cast<std::int64_t>(config.layers.size()), 1, 1024},
      {"number of attention heads", config.heads, 1, 1024},
      {"feed-forward width", config.ffn, 1, 1 << 20},
      {"vocabulary size", config.vocab, 1, 1 << 24},
      {"number of experts", config.experts, 0, 4096},
      {"active experts", config.top_k, moe ? 1 : 0, moe ? config.experts : 0},
      {"expert width", config.expert_ffn, moe ? 1 : 0, moe ? 1 << 20 : 0},
      {"sliding window", config.window, 1, 1 << 20},
      {"context length", static_cast<std::int64_t>(config.context_tokens_max), 1, 1 << 24},
  };
  for (const Range& range : ranges)
    if (range.value < range.low || range.value > range.high)
      return Error{fmt::format("{}: {} is {}, expected {} to {}", where, range.what, range.value,
                               range.low, range.high)};
  std::int64_t sliding_dim = 0, global_dim = 0;
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    const LayerConfig& layer = config.layers[i];
    // The CPU backend's attention keeps one head and one group of query heads in fixed arrays.
    if (layer.head_dim < 2 || layer.head_dim > 1024 || layer.head_dim % 2 != 0)
      return Error{
          fmt::format("{}: layer {} has heads of {} values, expected an even number up to 1024",
                      where, i, layer.head_dim)};
    if (layer.kv_heads < 1 || config.heads % layer.kv_heads != 0)
      return Error{fmt::format("{}: layer {} has {} kv heads, which do not divide {} query heads",
                               where, i, layer.kv_heads, config.heads)};
    if (config.heads / layer.kv_heads > 32)
      return Error{
          fmt::format("{}: layer {} has {} query heads for each kv head, expected up to 32", where,
                      i, config.heads / layer.kv_heads)};
    std::int64_t& dim = layer.sliding ? sliding_dim : global_dim;
    if (dim != 0 && dim != layer.head_dim)
      return Error{fmt::format("{}: layer {} has heads of {} values, other layers of its kind {}",
                               where, i, layer.head_dim, dim)};
    dim = layer.head_dim;
  }
  if (!(config.eps > 0 && config.eps < 1))
    return Error{
        fmt::format("{}: norm epsilon is {}, expected above 0 and below 1", where, config.eps)};
  if (!(config.softcap >= 0 && config.softcap < 1e6F))
    return Error{fmt::format("{}: logit softcap is {}, expected 0 to 1e6", where, config.softcap)};
  return {};
}

Result<GenerationDefaults> read_generation_defaults(const Checkpoint& checkpoint) {
  GenerationDefaults defaults;
  const auto text = checkpoint.side_file("generation_config.json");
  if (!text) return defaults;
  boost::system::error_code bad;
  const boost::json::value json = boost::json::parse(*text, bad);
  const std::string where = checkpoint.path() + "/generation_config.json";
  if (bad || !json.is_object()) return Error{where + " is not a JSON object"};
  const auto number = [&](const char* key, double low, double high,
                          double otherwise) -> Result<double> {
    const boost::json::value* value = json.as_object().if_contains(key);
    if (!value || value->is_null()) return otherwise;
    boost::system::error_code wrong;
    const auto found = value->to_number<double>(wrong);
    if (wrong || !(found >= low && found <= high))
      return Error{
          fmt::format("{}: \"{}\" should be a number from {} to {}", where, key, low, high)};
    return found;
  };
  defaults.temperature = static_cast<float>(G4_TRY(number("temperature", 0, 100, 1.0)));
  defaults.top_k = static_cast<std::uint32_t>(G4_TRY(number("top_k", 0, 1 << 24, 64)));
  defaults.top_p = static_cast<float>(G4_TRY(number("top_p", 0, 1, 0.95)));
  return defaults;
}

}  // namespace g4
