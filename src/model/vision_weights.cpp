#include "model/vision_weights.h"

#include <fmt/format.h>

#include <cstring>

namespace g4 {
namespace {

std::uint64_t u64(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// The names of both formats (gemma4.md 8.1, 8.3).
struct Names {
  bool gguf = false;
  std::string prefix;  // "model." or nothing; Hugging Face only

  static Names of(const Checkpoint& checkpoint) {
    if (checkpoint.format() == Checkpoint::Format::kGguf) return {true, ""};
    const bool bare = checkpoint.find("vision_tower.patch_embedder.input_proj.weight");
    return {false, bare ? "" : "model."};
  }
  std::string tower(const char* hugging_face, const char* in_gguf) const {
    return gguf ? in_gguf : prefix + hugging_face;
  }
  std::string layer(std::size_t i, const char* hugging_face, const char* in_gguf) const {
    return gguf
               ? fmt::format("v.blk.{}.{}.weight", i, in_gguf)
               : fmt::format("{}vision_tower.encoder.layers.{}.{}.weight", prefix, i, hugging_face);
  }
};

class Loader {
 public:
  Loader(TensorLoader& tensors, const VisionConfig& config)
      : tensors_(tensors), config_(config), names_(Names::of(tensors.checkpoint())) {}

  Result<VisionWeights> run() {
    const std::uint64_t hidden = u64(config_.hidden);
    VisionWeights weights;
    weights.patch = G4_TRY(patch());
    weights.positions =
        G4_TRY(tensors_.matrix(names_.tower("vision_tower.patch_embedder.position_embedding_table",
                                            "v.position_embd.weight"),
                               {2, u64(config_.positions), hidden}));
    for (std::size_t i = 0; i < u64(config_.layers); ++i)
      weights.layers.push_back(G4_TRY(layer(i)));
    if (config_.standardize) {
      weights.std_bias =
          G4_TRY(tensors_.vector(names_.tower("vision_tower.std_bias", "v.std_bias"), {hidden}));
      weights.std_scale =
          G4_TRY(tensors_.vector(names_.tower("vision_tower.std_scale", "v.std_scale"), {hidden}));
    }
    weights.projector = G4_TRY(tensors_.matrix(
        names_.tower("embed_vision.embedding_projection.weight", "mm.input_projection.weight"),
        {u64(config_.text_hidden), hidden}));
    return weights;
  }

 private:
  // Hugging Face: [hidden, row, column, channel], flat. GGUF holds the kernel of a convolution,
  // [hidden, channel, row, column], which is put into the order of our patches.
  Result<std::unique_ptr<Weight>> patch() {
    const std::string name =
        names_.tower("vision_tower.patch_embedder.input_proj.weight", "v.patch_embd.weight");
    const std::uint64_t hidden = u64(config_.hidden), side = u64(config_.patch);
    const Shape flat{hidden, u64(config_.patch_values())};
    if (!names_.gguf) return tensors_.matrix(name, flat);
    const TensorInfo* tensor = G4_TRY(tensors_.find(name, {hidden, 3, side, side}));
    const DTypeTraits& type = traits(tensor->dtype);
    if (type.block_elements != 1)
      return Error{fmt::format("{}: tensor '{}' is {}, expected F32, F16 or BF16",
                               tensors_.checkpoint().path(), name, g4::name(tensor->dtype))};
    std::vector<std::byte> ours;
    if (!tensors_.dry()) {
      std::vector<std::byte> file(tensor->bytes);
      G4_TRY(tensors_.checkpoint().read(*tensor, 0, file));
      ours = channel_fastest(file, side * side, type.block_bytes);
    }
    auto weight =
        G4_TRY(tensors_.load({name, tensor->dtype, flat,
                              [&ours](std::uint64_t begin, std::size_t bytes,
                                      ReadBuffer&) -> Result<std::span<const std::byte>> {
                                return std::span<const std::byte>(ours).subspan(begin, bytes);
                              }}));
    tensors_.count(*tensor);
    return weight;
  }

  // [.., channel, pixel] -> [.., pixel, channel]
  static std::vector<std::byte> channel_fastest(std::span<const std::byte> file,
                                                std::uint64_t pixels, std::uint64_t value_bytes) {
    std::vector<std::byte> ours(file.size());
    const std::uint64_t patch_bytes = 3 * pixels * value_bytes;
    for (std::uint64_t patch = 0; patch < file.size(); patch += patch_bytes)
      for (std::uint64_t channel = 0; channel < 3; ++channel)
        for (std::uint64_t pixel = 0; pixel < pixels; ++pixel)
          std::memcpy(ours.data() + patch + (pixel * 3 + channel) * value_bytes,
                      file.data() + patch + (channel * pixels + pixel) * value_bytes, value_bytes);
    return ours;
  }

  Result<VisionLayerWeights> layer(std::size_t i) {
    const std::uint64_t hidden = u64(config_.hidden), ffn = u64(config_.ffn),
                        dim = u64(config_.head_dim), width = u64(config_.heads) * dim;
    const auto norm = [&](const char* hugging_face, const char* gguf, std::uint64_t n) {
      return tensors_.vector(names_.layer(i, hugging_face, gguf), {n});
    };
    const auto matrix = [&](const char* hugging_face, const char* gguf, const Shape& shape) {
      return tensors_.matrix(names_.layer(i, hugging_face, gguf), shape);
    };
    VisionLayerWeights w;
    w.attn_norm = G4_TRY(norm("input_layernorm", "ln1", hidden));
    w.q = G4_TRY(matrix("self_attn.q_proj.linear", "attn_q", {width, hidden}));
    w.k = G4_TRY(matrix("self_attn.k_proj.linear", "attn_k", {width, hidden}));
    w.v = G4_TRY(matrix("self_attn.v_proj.linear", "attn_v", {width, hidden}));
    w.q_norm = G4_TRY(norm("self_attn.q_norm", "attn_q_norm", dim));
    w.k_norm = G4_TRY(norm("self_attn.k_norm", "attn_k_norm", dim));
    w.o = G4_TRY(matrix("self_attn.o_proj.linear", "attn_out", {hidden, width}));
    w.attn_post_norm = G4_TRY(norm("post_attention_layernorm", "attn_post_norm", hidden));
    w.ffn_norm = G4_TRY(norm("pre_feedforward_layernorm", "ln2", hidden));
    w.gate = G4_TRY(matrix("mlp.gate_proj.linear", "ffn_gate", {ffn, hidden}));
    w.up = G4_TRY(matrix("mlp.up_proj.linear", "ffn_up", {ffn, hidden}));
    w.down = G4_TRY(matrix("mlp.down_proj.linear", "ffn_down", {hidden, ffn}));
    w.ffn_post_norm = G4_TRY(norm("post_feedforward_layernorm", "ffn_post_norm", hidden));
    return w;
  }

  TensorLoader& tensors_;
  const VisionConfig& config_;
  Names names_;
};

}  // namespace

Result<std::uint64_t> vision_weight_bytes(const Checkpoint& checkpoint,
                                          const VisionConfig& config) {
  TensorLoader tensors(nullptr, checkpoint, {}, 0);
  G4_TRY(Loader(tensors, config).run());
  return tensors.bytes();
}

Result<VisionWeights> load_vision_weights(Backend& backend, const Checkpoint& checkpoint,
                                          const VisionConfig& config,
                                          const LoadProgress& progress) {
  const std::uint64_t total = G4_TRY(vision_weight_bytes(checkpoint, config));
  TensorLoader tensors(&backend, checkpoint, progress, total);
  return Loader(tensors, config).run();
}

}  // namespace g4
