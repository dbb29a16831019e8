"""A toy checkpoint's vision tower as llama.cpp's converter writes it: an mmproj GGUF file."""

import gguf
import numpy as np
import torch


def write_mmproj(path: str, model: torch.nn.Module) -> None:
    """Matrices F16, vectors and the position table F32, names from llama.cpp's own table."""
    vision, text = model.config.vision_config, model.config.get_text_config()
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_name("toy")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_vision_projector_type(gguf.VisionProjectorType.GEMMA4V)
    writer.add_vision_projection_dim(text.hidden_size)
    writer.add_vision_image_size(224)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(vision.num_hidden_layers)
    writer.add_vision_head_count(vision.num_attention_heads)
    writer.add_vision_attention_layernorm_eps(vision.rms_norm_eps)
    writer.add_vision_image_mean([0.0, 0.0, 0.0])
    writer.add_vision_image_std([1.0, 1.0, 1.0])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if "vision" not in name:
            continue
        if name.endswith("input_proj.weight"):
            side = vision.patch_size
            tensor = tensor.reshape(-1, side, side, 3).permute(0, 3, 1, 2)
        writer.add_tensor(_gguf_name(name, names), _stored(name, tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _gguf_name(name: str, names: gguf.TensorNameMap) -> str:
    name = name.replace("model.vision_tower.encoder.", "vision_model.model.")
    name = name.replace(".linear.weight", ".weight")
    if name.endswith("position_embedding_table"):
        name += ".weight"
    found = names.get_name(name, try_suffixes=(".weight",))
    assert found, f"llama.cpp has no name for {name}"
    return found


def _stored(name: str, tensor: torch.Tensor) -> np.ndarray:
    values = tensor.float().contiguous().numpy()
    if values.ndim < 2 or "position_embedding_table" in name:
        return values
    half = values.astype(np.float16)
    assert np.array_equal(half.astype(np.float32), values), f"{name} loses something as F16"
    return half
