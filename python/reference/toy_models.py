"""Small random checkpoints of the real architectures. Every norm and scale is away from 1."""

import torch
from transformers import (Gemma3ForCausalLM, Gemma3TextConfig, Gemma4Config, Gemma4ForCausalLM,
                          Gemma4ForConditionalGeneration, Gemma4TextConfig, Gemma4VisionConfig)

from toy_tokenizer import VOCAB_SIZE, ToyTokenizer

_GEMMA4_COMMON = dict(
    vocab_size=VOCAB_SIZE, vocab_size_per_layer_input=VOCAB_SIZE, hidden_size_per_layer_input=0,
    head_dim=32, global_head_dim=64, attention_k_eq_v=True, sliding_window=16,
    max_position_embeddings=4096, final_logit_softcapping=30.0,
    use_bidirectional_attention="vision", num_kv_shared_layers=0, tie_word_embeddings=True)


def gemma4_moe() -> torch.nn.Module:
    """As 26B-A4B: 5 sliding layers to 1 full, dense and expert branch in each; nested naming."""
    return _multimodal(Gemma4TextConfig(
        **_GEMMA4_COMMON, hidden_size=96, num_hidden_layers=6, intermediate_size=64,
        num_attention_heads=4, num_key_value_heads=2, num_global_key_value_heads=1,
        enable_moe_block=True, num_experts=8, top_k_experts=3, moe_intermediate_size=32), None)


def gemma4_vision() -> torch.nn.Module:
    """A vision tower as 26B's and 31B's (standardised, plain linears) before a small dense decoder.

    No width is a multiple of 16: as 4304 and 72, they end inside a block and inside a vector.
    """
    kinds = ["sliding_attention", "sliding_attention", "full_attention"]
    text = Gemma4TextConfig(
        **_GEMMA4_COMMON, hidden_size=64, num_hidden_layers=3, layer_types=kinds,
        intermediate_size=48, num_attention_heads=2, num_key_value_heads=1,
        num_global_key_value_heads=1, enable_moe_block=False)
    return _multimodal(text, Gemma4VisionConfig(
        hidden_size=72, intermediate_size=88, num_hidden_layers=3, num_attention_heads=3,
        num_key_value_heads=3, head_dim=24, position_embedding_size=256, standardize=True,
        use_clipped_linears=False))


def _multimodal(text: Gemma4TextConfig, vision: Gemma4VisionConfig | None) -> torch.nn.Module:
    tokens = ToyTokenizer("gemma4").ids
    return Gemma4ForConditionalGeneration(Gemma4Config(
        text_config=text, vision_config=vision, audio_config=None,
        boi_token_id=tokens["<|image>"], eoi_token_id=tokens["<image|>"],
        image_token_id=tokens["<|image|>"], video_token_id=tokens["<|video|>"],
        boa_token_id=tokens["<|audio>"], eoa_token_index=tokens["<audio|>"],
        audio_token_id=tokens["<|audio|>"]))


def gemma4_dense() -> torch.nn.Module:
    """As 31B, with other ratios: two periods of 2 sliding to 1 full, 3 query heads; flat naming."""
    kinds = ["sliding_attention", "sliding_attention", "full_attention"] * 2
    return Gemma4ForCausalLM(Gemma4TextConfig(
        **_GEMMA4_COMMON, hidden_size=96, num_hidden_layers=6, layer_types=kinds,
        intermediate_size=64, num_attention_heads=3, num_key_value_heads=3,
        num_global_key_value_heads=1, enable_moe_block=False))


def gemma3_text() -> torch.nn.Module:
    """As 4B's text part: linear rope scaling on full layers; query scale 1/sqrt(24), head 32."""
    return Gemma3ForCausalLM(Gemma3TextConfig(
        vocab_size=VOCAB_SIZE, hidden_size=96, num_hidden_layers=7, intermediate_size=64,
        num_attention_heads=4, num_key_value_heads=1, head_dim=32, sliding_window=16,
        query_pre_attn_scalar=24, max_position_embeddings=4096, tie_word_embeddings=True,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10_000.0},
            "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1_000_000.0}}))


def fill(model: torch.nn.Module, seed: int, exact: str) -> None:
    """Random weights. exact: "q8" values that bf16, f16 and Q8_0 blocks hold without loss,
    "bf16" values that bf16 and f16 hold, "f32" free (embeddings and router stay bf16)."""
    generator = torch.Generator().manual_seed(seed)
    plus_one = model.config.model_type.startswith("gemma3")
    state = model.state_dict()
    for name in sorted(state):
        if name == "lm_head.weight":
            continue
        tensor = _random(name, state[name].shape, plus_one, generator)
        coarse = tensor.dim() < 2 or "embed_tokens" in name or "router" in name
        if exact == "q8" and not coarse:
            tensor = _round_to_q8(tensor)
        if exact != "f32" or coarse:
            tensor = _round_to_bf16(tensor)
        state[name].copy_(tensor)
    model.tie_weights()


def _random(name: str, shape: torch.Size, plus_one: bool, generator) -> torch.Tensor:
    def uniform(low: float, high: float) -> torch.Tensor:
        return low + (high - low) * torch.rand(shape, generator=generator)

    shift = 1.0 if plus_one else 0.0
    if name.endswith("layer_scalar"):
        return uniform(0.6, 1.4)
    if name.endswith("per_expert_scale"):
        return uniform(0.5, 1.7)
    if name.endswith("router.scale"):
        return uniform(4.0, 12.0)
    if name.endswith("k_norm.weight"):
        return uniform(0.3, 1.1) - shift + (0.3 if plus_one else 0.0)
    if name.endswith("model.norm.weight") or name.endswith("language_model.norm.weight"):
        return uniform(2.0, 6.0) - shift
    if plus_one and "post_" in name:  # else the embedding wins and greedy repeats one token
        return uniform(1.2, 3.4) - shift
    if "norm" in name:
        return uniform(0.4, 1.7) - shift
    if name.endswith("std_bias"):  # of the size of what it is taken from
        return uniform(-8.0, 8.0)
    if name.endswith("std_scale"):
        return uniform(0.3, 1.7)
    if name.endswith("position_embedding_table"):
        return 0.5 * torch.randn(shape, generator=generator)
    deviation = 0.1 if "embed_tokens" in name else 0.2 if "router" in name else shape[-1] ** -0.5
    return torch.randn(shape, generator=generator) * deviation


def _round_to_bf16(tensor: torch.Tensor) -> torch.Tensor:
    """bf16, and f16 too: what f16's subnormals would cut becomes zero."""
    rounded = tensor.to(torch.bfloat16).to(torch.float32)
    return torch.where(rounded.abs() < 2.0**-17, torch.zeros(()), rounded)


def _round_to_q8(tensor: torch.Tensor) -> torch.Tensor:
    """Blocks of 32 as power of two times int8."""
    blocks = tensor.reshape(-1, 32)
    scale = q8_block_scale(blocks)
    return (torch.round(blocks / scale).clamp(-127, 127) * scale).reshape(tensor.shape)


def q8_block_scale(blocks: torch.Tensor) -> torch.Tensor:
    largest = blocks.abs().amax(dim=-1, keepdim=True)
    return torch.exp2(torch.ceil(torch.log2(largest / 127.0)))
