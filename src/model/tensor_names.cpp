#include "model/tensor_names.h"

#include <fmt/format.h>

#include <cassert>

namespace g4 {
namespace {

struct Spelling {
  TensorRole role;
  const char* hugging_face;  // after the prefix and "layers.N."
  const char* gguf;          // after "blk.N."
};

using enum TensorRole;

constexpr Spelling kModelWide[] = {
    {kEmbedding, "embed_tokens.weight", "token_embd.weight"},
    {kFinalNorm, "norm.weight", "output_norm.weight"},
};

constexpr Spelling kPerLayer[] = {
    {kAttnNorm, "input_layernorm.weight", "attn_norm.weight"},
    {kQNorm, "self_attn.q_norm.weight", "attn_q_norm.weight"},
    {kKNorm, "self_attn.k_norm.weight", "attn_k_norm.weight"},
    {kAttnPostNorm, "post_attention_layernorm.weight", "post_attention_norm.weight"},
    {kQ, "self_attn.q_proj.weight", "attn_q.weight"},
    {kK, "self_attn.k_proj.weight", "attn_k.weight"},
    {kV, "self_attn.v_proj.weight", "attn_v.weight"},
    {kO, "self_attn.o_proj.weight", "attn_output.weight"},
    {kFfnNorm, "pre_feedforward_layernorm.weight", "ffn_norm.weight"},
    {kGate, "mlp.gate_proj.weight", "ffn_gate.weight"},
    {kUp, "mlp.up_proj.weight", "ffn_up.weight"},
    {kDown, "mlp.down_proj.weight", "ffn_down.weight"},
    {kFfnPostNorm, "post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
    {kDensePostNorm, "post_feedforward_layernorm_1.weight", "post_ffw_norm_1.weight"},
    {kMoeNorm, "pre_feedforward_layernorm_2.weight", "pre_ffw_norm_2.weight"},
    {kMoePostNorm, "post_feedforward_layernorm_2.weight", "post_ffw_norm_2.weight"},
    {kRouterScale, "router.scale", "ffn_gate_inp.scale"},
    {kRouterProj, "router.proj.weight", "ffn_gate_inp.weight"},
    {kPerExpertScale, "router.per_expert_scale", "ffn_down_exps.scale"},
    {kExpertGateUp, "experts.gate_up_proj", "ffn_gate_up_exps.weight"},
    {kExpertGate, "experts.gate_proj", "ffn_gate_exps.weight"},
    {kExpertUp, "experts.up_proj", "ffn_up_exps.weight"},
    {kExpertDown, "experts.down_proj", "ffn_down_exps.weight"},
    {kLayerScalar, "layer_scalar", "layer_output_scale.weight"},
};

}  // namespace

Result<TensorNames> TensorNames::create(const Checkpoint& checkpoint, const ModelConfig& config) {
  TensorNames names;
  names.gguf_ = checkpoint.format() == Checkpoint::Format::kGguf;
  names.family_ = config.family;
  if (names.gguf_) return names;
  for (const char* prefix : {"model.language_model.", "language_model.model.", "model.", ""})
    if (checkpoint.find(std::string(prefix) + "embed_tokens.weight")) {
      names.prefix_ = prefix;
      return names;
    }
  return Error{checkpoint.path() +
               ": no tensor named '...embed_tokens.weight': these are not a Gemma model's weights"};
}

std::string TensorNames::operator()(TensorRole role, std::size_t layer) const {
  // Hugging Face folders tie the head to the embedding (config.json says so and is checked).
  if (role == kHead) return gguf_ ? "output.weight" : "";
  for (const Spelling& spelling : kModelWide)
    if (spelling.role == role) return gguf_ ? spelling.gguf : prefix_ + spelling.hugging_face;
  for (const Spelling& spelling : kPerLayer)
    if (spelling.role == role)
      return gguf_ ? fmt::format("blk.{}.{}", layer, spelling.gguf)
                   : fmt::format("{}layers.{}.{}", prefix_, layer, spelling.hugging_face);
  assert(false && "every role has a spelling");
  return {};
}

}  // namespace g4
