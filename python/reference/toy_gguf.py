"""The toy checkpoints as GGUF files, with the names and keys that llama.cpp's converter writes."""

import re

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type

from toy_models import q8_block_scale
from toy_tokenizer import ToyTokenizer

_TOP = {"embed_tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
_LAYER = {
    "input_layernorm.weight": "attn_norm.weight",
    "self_attn.q_proj.weight": "attn_q.weight",
    "self_attn.k_proj.weight": "attn_k.weight",
    "self_attn.v_proj.weight": "attn_v.weight",
    "self_attn.o_proj.weight": "attn_output.weight",
    "self_attn.q_norm.weight": "attn_q_norm.weight",
    "self_attn.k_norm.weight": "attn_k_norm.weight",
    "post_attention_layernorm.weight": "post_attention_norm.weight",
    "pre_feedforward_layernorm.weight": "ffn_norm.weight",
    "mlp.gate_proj.weight": "ffn_gate.weight",
    "mlp.up_proj.weight": "ffn_up.weight",
    "mlp.down_proj.weight": "ffn_down.weight",
    "post_feedforward_layernorm_1.weight": "post_ffw_norm_1.weight",
    "pre_feedforward_layernorm_2.weight": "pre_ffw_norm_2.weight",
    "post_feedforward_layernorm_2.weight": "post_ffw_norm_2.weight",
    "post_feedforward_layernorm.weight": "post_ffw_norm.weight",
    "router.proj.weight": "ffn_gate_inp.weight",
    "router.scale": "ffn_gate_inp.scale",
    "router.per_expert_scale": "ffn_down_exps.scale",
    "experts.gate_up_proj": "ffn_gate_up_exps.weight",
    "experts.down_proj": "ffn_down_exps.weight",
    "layer_scalar": "layer_output_scale.weight",
}


def gguf_name(name: str) -> str:
    """"model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight"."""
    name = re.sub(r"^model\.(language_model\.)?", "", name)
    layer = re.match(r"layers\.(\d+)\.(.*)", name)
    return f"blk.{layer[1]}.{_LAYER[layer[2]]}" if layer else _TOP[name]


class Recipe:
    """Which type each tensor gets: matrices, embedding; vectors and router stay F32.

    lossless_q8: Q8_0 blocks with power-of-two scales, for weights made to fit them.
    split_experts: gate and up experts as two tensors, as older files have them.
    """

    def __init__(self, matrices: Type, embedding: Type, *, lossless_q8=False, split_experts=False):
        self.matrices, self.embedding = matrices, embedding
        self.lossless_q8, self.split_experts = lossless_q8, split_experts

    def type_of(self, name: str, tensor: torch.Tensor) -> Type:
        if tensor.dim() < 2 or "ffn_gate_inp" in name:
            return Type.F32
        return self.embedding if name == "token_embd.weight" else self.matrices


def encode(tensor: torch.Tensor, kind: Type, lossless_q8: bool) -> np.ndarray:
    if kind == Type.Q8_0 and lossless_q8:
        return _encode_q8_exactly(tensor)
    return gguf.quants.quantize(tensor.contiguous().numpy().astype(np.float32), kind)


def decode(data: np.ndarray, kind: Type) -> torch.Tensor:
    return torch.from_numpy(gguf.quants.dequantize(data, kind).astype(np.float32).copy())


def _encode_q8_exactly(tensor: torch.Tensor) -> np.ndarray:
    blocks = tensor.reshape(-1, 32)
    scale = q8_block_scale(blocks)
    quants = torch.round(blocks / scale)
    assert torch.equal(quants * scale, blocks), "weights were not made for lossless Q8_0"
    packed = np.concatenate([scale.numpy().astype(np.float16).view(np.uint8),
                             quants.numpy().astype(np.int8).view(np.uint8)], axis=1)
    return packed.reshape(*tensor.shape[:-1], -1)


def write_gguf(path: str, model: torch.nn.Module, recipe: Recipe) -> dict[str, torch.Tensor]:
    """Writes the file; returns by HF name what a reader of the file gets for every weight."""
    config = model.config.get_text_config()
    gemma3 = config.model_type == "gemma3_text"
    writer = gguf.GGUFWriter(path, "gemma3" if gemma3 else "gemma4")
    writer.add_name("toy")
    _common_keys(writer, config)
    (_gemma3_keys if gemma3 else _gemma4_keys)(writer, config)
    _vocabulary(writer, ToyTokenizer("gemma3" if gemma3 else "gemma4"))
    if not gemma3:
        writer.add_tensor("rope_freqs.weight", _rope_divisors(config))
    stored = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        out = gguf_name(name)
        shift = 1.0 if gemma3 and "norm" in name else 0.0
        kind = recipe.type_of(out, tensor)
        data = encode(tensor.float() + shift, kind, recipe.lossless_q8)
        stored[name] = decode(data, kind).reshape(tensor.shape) - shift
        for part, bytes_ in _parts(out, data, recipe):
            writer.add_tensor(part, bytes_, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return stored


def _parts(name: str, data: np.ndarray, recipe: Recipe):
    if recipe.split_experts and "ffn_gate_up_exps" in name:
        half = data.shape[1] // 2
        yield name.replace("gate_up", "gate"), np.ascontiguousarray(data[:, :half])
        yield name.replace("gate_up", "up"), np.ascontiguousarray(data[:, half:])
    else:
        yield name, data


def _common_keys(writer: gguf.GGUFWriter, config) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_sliding_window(config.sliding_window)
    writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])


def _gemma4_keys(writer: gguf.GGUFWriter, config) -> None:
    sliding = [kind == "sliding_attention" for kind in config.layer_types]
    layers = [config.per_layer_config[i] for i in range(config.num_hidden_layers)]
    local, full = layers[sliding.index(True)], layers[sliding.index(False)]
    writer.add_head_count_kv([layer.num_key_value_heads for layer in layers])
    writer.add_rope_freq_base_swa(config.rope_parameters["sliding_attention"]["rope_theta"])
    writer.add_key_length(full.head_dim)
    writer.add_value_length(full.head_dim)
    writer.add_key_length_swa(local.head_dim)
    writer.add_value_length_swa(local.head_dim)
    writer.add_rope_dimension_count(full.head_dim)
    writer.add_rope_dimension_count_swa(local.head_dim)
    writer.add_sliding_window_pattern(sliding)
    writer.add_shared_kv_layers(0)
    writer.add_final_logit_softcapping(config.final_logit_softcapping)
    writer.add_uint32("gemma4.embedding_length_per_layer_input", 0)
    if config.enable_moe_block:
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.top_k_experts)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)


def _gemma3_keys(writer: gguf.GGUFWriter, config) -> None:
    rope = config.rope_parameters["full_attention"]
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_attention_scale(config.query_pre_attn_scalar**-0.5)
    writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
    writer.add_rope_scaling_factor(rope["factor"])


def _rope_divisors(config) -> np.ndarray:
    """Full layers: the first quarter of the angles turns, the others stand still."""
    full = config.per_layer_config[config.layer_types.index("full_attention")].head_dim
    share = config.rope_parameters["full_attention"]["partial_rotary_factor"]
    live = int(share * full // 2)
    return np.array([1.0] * live + [1e30] * (full // 2 - live), dtype=np.float32)


def _vocabulary(writer: gguf.GGUFWriter, tokenizer: ToyTokenizer) -> None:
    gemma3 = tokenizer.family == "gemma3"
    writer.add_tokenizer_model("llama" if gemma3 else "gemma4")
    writer.add_token_list(tokenizer.tokens)
    writer.add_token_types(tokenizer.gguf_types())
    if gemma3:
        writer.add_tokenizer_pre("default")
        writer.add_token_scores(tokenizer.gguf_scores())
    else:
        writer.add_token_scores([-1000.0] * len(tokenizer.tokens))
        writer.add_token_merges([f"{left} {right}" for left, right in tokenizer.merges])
    writer.add_bos_token_id(tokenizer.bos)
    writer.add_eos_token_id(tokenizer.eos)
    writer.add_unk_token_id(tokenizer.unk)
    writer.add_pad_token_id(tokenizer.pad)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)
