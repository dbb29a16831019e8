#include "model/vision_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "model/config.h"
#include "model/config_reader.h"

namespace g4 {
namespace {

constexpr const char* kClippedLinears =
    "clipped linears (the vision tower of Gemma 4 E2B/E4B); this engine runs that of 26B-A4B and "
    "31B, which has none";

// ---- Hugging Face

Status refuse_foreign_parts(const ConfigReader& fields) {
  const std::string type = G4_TRY(fields.string("model_type", "gemma4_vision"));
  if (type != "gemma4_vision")
    return Error{
        fmt::format("{}: model_type is \"{}\", expected \"gemma4_vision\"", fields.where(), type)};
  if (G4_TRY(fields.boolean("use_clipped_linears")))
    return Error{fmt::format("{}: {}", fields.where(), kClippedLinears)};
  const std::string activation = G4_TRY(fields.string("hidden_activation", "gelu_pytorch_tanh"));
  if (activation != "gelu_pytorch_tanh")
    return Error{fmt::format("{}: activation \"{}\", expected \"gelu_pytorch_tanh\"",
                             fields.where(), activation)};
  if (G4_TRY(fields.boolean("attention_bias")))
    return Error{fields.where() + ": attention biases are not part of this model"};
  return {};
}

// Absent sizes have transformers' own defaults, which are those of E2B's tower.
Result<VisionConfig> from_fields(const ConfigReader& fields, std::int64_t text_hidden) {
  G4_TRY(refuse_foreign_parts(fields));
  VisionConfig config;
  config.hidden = G4_TRY(fields.integer("hidden_size", 768));
  config.ffn = G4_TRY(fields.integer("intermediate_size", 3072));
  config.layers = G4_TRY(fields.integer("num_hidden_layers", 16));
  config.heads = G4_TRY(fields.integer("num_attention_heads", 12));
  config.head_dim = G4_TRY(fields.integer("head_dim", 64));
  config.patch = G4_TRY(fields.integer("patch_size", 16));
  config.pooling = G4_TRY(fields.integer("pooling_kernel_size", 3));
  config.positions = G4_TRY(fields.integer("position_embedding_size", 10240));
  config.text_hidden = text_hidden;
  config.standardize = G4_TRY(fields.boolean("standardize"));
  config.eps = static_cast<float>(G4_TRY(fields.number("rms_norm_eps", 1e-6)));
  const std::int64_t kv_heads = G4_TRY(fields.integer("num_key_value_heads", 12));
  if (kv_heads != config.heads)
    return Error{fmt::format("{}: {} key-value heads for {} query heads, expected as many",
                             fields.where(), kv_heads, config.heads)};
  const ConfigReader rope = G4_TRY(fields.object("rope_parameters"));
  config.rope_theta = static_cast<float>(G4_TRY(rope.number("rope_theta", 100)));
  // "default" is how the files of April 2026 spell it.
  const std::string type = G4_TRY(rope.string("rope_type", "axial"));
  if (type != "axial" && type != "default")
    return Error{fmt::format("{}: rope type \"{}\", expected \"axial\"", rope.where(), type)};
  G4_TRY(check_vision_config(config, fields.where()));
  return config;
}

Result<std::optional<VisionConfig>> from_json(const Checkpoint& checkpoint) {
  const boost::json::object root = G4_TRY(read_config_json(checkpoint));
  const ConfigReader top(root, config_json_of(checkpoint));
  const std::string type = G4_TRY(top.string("model_type", ""));
  if (type != "gemma4" || !top.find("vision_config")) return std::optional<VisionConfig>();
  const ConfigReader text = G4_TRY(top.object("text_config"));
  const std::int64_t text_hidden = G4_TRY(text.integer("hidden_size"));
  const ConfigReader vision = G4_TRY(top.object("vision_config"));
  return std::optional(G4_TRY(from_fields(vision, text_hidden)));
}

// ---- GGUF

// What a file of ours cannot differ in is checked where the file says it.
Status refuse_foreign_parts(const Checkpoint& checkpoint) {
  // Older files have one type for the whole file.
  const bool older = !checkpoint.meta("clip.vision.projector_type");
  const std::string type =
      G4_TRY(meta_string(checkpoint, older ? "clip.projector_type" : "clip.vision.projector_type"));
  if (type != "gemma4v")
    return Error{
        fmt::format("{}: projector type \"{}\", expected \"gemma4v\"", checkpoint.path(), type)};
  for (const TensorInfo& tensor : checkpoint.tensors())
    if (tensor.name.starts_with("v.") && tensor.name.ends_with(".input_max"))
      return Error{
          fmt::format("{}: tensor '{}': {}", checkpoint.path(), tensor.name, kClippedLinears)};
  for (const auto& [key, expected] :
       {std::pair{"clip.vision.image_mean", 0.0}, std::pair{"clip.vision.image_std", 1.0}}) {
    if (!checkpoint.meta(key)) continue;
    const std::vector<double> values = G4_TRY(meta_f64s(checkpoint, key));
    if (std::any_of(values.begin(), values.end(), [&](double v) { return v != expected; }))
      return Error{fmt::format("{}: \"{}\" should be {} in every channel", checkpoint.path(), key,
                               expected)};
  }
  return {};
}

Result<const TensorInfo*> tensor_of_rank(const Checkpoint& checkpoint, const char* name, int rank) {
  const TensorInfo* tensor = checkpoint.find(name);
  if (!tensor || tensor->shape.rank() != rank)
    return Error{fmt::format("{}: tensor '{}' is missing or not of {} dimensions",
                             checkpoint.path(), name, rank)};
  return tensor;
}

Result<VisionConfig> from_gguf(const Checkpoint& checkpoint) {
  G4_TRY(refuse_foreign_parts(checkpoint));
  const ConfigKeys keys(checkpoint, "clip.vision");
  VisionConfig config;
  config.hidden = G4_TRY(keys.integer("embedding_length"));
  config.ffn = G4_TRY(keys.integer("feed_forward_length"));
  config.layers = G4_TRY(keys.integer("block_count"));
  config.heads = G4_TRY(keys.integer("attention.head_count"));
  config.patch = G4_TRY(keys.integer("patch_size"));
  config.pooling = G4_TRY(keys.integer("projector.scale_factor", 3));
  config.text_hidden = G4_TRY(keys.integer("projection_dim"));
  config.eps = static_cast<float>(G4_TRY(keys.number("attention.layer_norm_epsilon", 1e-6)));
  // What no key says: the tensors do. The rope base is the architecture's.
  const TensorInfo* q_norm = G4_TRY(tensor_of_rank(checkpoint, "v.blk.0.attn_q_norm.weight", 1));
  const TensorInfo* table = G4_TRY(tensor_of_rank(checkpoint, "v.position_embd.weight", 3));
  constexpr std::uint64_t kMost = 1ULL << 40;
  config.head_dim = static_cast<std::int64_t>(std::min<std::uint64_t>(q_norm->shape[0], kMost));
  config.positions = static_cast<std::int64_t>(std::min<std::uint64_t>(table->shape[1], kMost));
  config.standardize = checkpoint.find("v.std_bias") || checkpoint.find("v.std_scale");
  G4_TRY(check_vision_config(config, checkpoint.path()));
  return config;
}

struct Range {
  const char* what;
  std::int64_t value, low, high;
};

}  // namespace

Result<std::optional<VisionConfig>> read_vision_config(const Checkpoint& checkpoint) {
  if (checkpoint.format() == Checkpoint::Format::kHuggingFace) return from_json(checkpoint);
  const std::string architecture = G4_TRY(meta_string(checkpoint, "general.architecture"));
  if (architecture != "clip") return std::optional<VisionConfig>();
  return std::optional(G4_TRY(from_gguf(checkpoint)));
}

Status check_vision_config(const VisionConfig& config, const std::string& where) {
  const Range ranges[] = {
      {"vision hidden size", config.hidden, 1, 1 << 14},
      {"vision feed-forward width", config.ffn, 1, 1 << 16},
      {"number of vision layers", config.layers, 1, 256},
      {"number of vision heads", config.heads, 1, 256},
      // The CPU backend's attention keeps one head in fixed arrays.
      {"width of a vision head", config.head_dim, 4, 1024},
      {"patch size", config.patch, 1, 256},
      {"pooling kernel", config.pooling, 1, 16},
      {"entries of the position table", config.positions, 1, 1 << 16},
      {"width of a soft token", config.text_hidden, 1, 1 << 16},
  };
  for (const Range& range : ranges)
    if (range.value < range.low || range.value > range.high)
      return Error{fmt::format("{}: {} is {}, expected {} to {}", where, range.what, range.value,
                               range.low, range.high)};
  if (config.head_dim % 4 != 0)
    return Error{
        fmt::format("{}: vision heads of {} values, expected a multiple of 4: pairs on two axes",
                    where, config.head_dim)};
  if (!(config.eps > 0 && config.eps < 1))
    return Error{fmt::format("{}: vision norm epsilon is {}, expected above 0 and below 1", where,
                             config.eps)};
  if (!(config.rope_theta > 1 && config.rope_theta < 1e9F))
    return Error{
        fmt::format("{}: vision rope theta is {}, expected 1 to 1e9", where, config.rope_theta)};
  return {};
}

std::vector<float> VisionConfig::inv_freq() const {
  RopeSpec rope;
  rope.theta = static_cast<double>(rope_theta);
  return inverse_frequencies(rope, head_dim / 2);  // an axis turns half a head
}

std::string VisionConfig::description() const {
  return fmt::format("vision tower, {} layers, hidden {}, {} heads", layers, hidden, heads);
}

}  // namespace g4
