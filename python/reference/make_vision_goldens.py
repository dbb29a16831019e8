"""Writes tests/golden/models/gemma4-vision: a toy checkpoint with a vision tower, as a Hugging Face
folder and as an mmproj file, and what transformers computes inside the tower.

usage: make_vision_goldens.py OUT_FOLDER     (see README.md)
"""

import os
import shutil
import sys

import numpy as np
import torch
import transformers
from safetensors.torch import save_file

import toy_models
from make_model_goldens import compact_json, write_hugging_face, Model
from toy_mmproj import write_mmproj
from toy_tokenizer import ToyTokenizer

NAME = "gemma4-vision"
SEED = 1
GRIDS = [(3, 3), (3, 30), (27, 12), (12, 6)]  # patches across, patches down


def pixels(count: int, seed: int) -> torch.Tensor:
    """`count` bytes of a hash as the processor would hand them over, 0 to 1.

    A formula rather than a file: the C++ test computes the same.
    """
    mask = np.uint64(0xFFFFFFFF)
    h = (np.arange(count, dtype=np.uint64) + np.uint64(seed * 1_000_003)) * np.uint64(2654435761) & mask
    h ^= h >> np.uint64(15)
    h = h * np.uint64(2246822519) & mask
    h ^= h >> np.uint64(13)
    return torch.from_numpy((h >> np.uint64(24)).astype(np.float64) * (1 / 255)).float()


def positions(width: int, height: int) -> torch.Tensor:
    """(x, y) of each patch, row by row."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([x, y], dim=-1).reshape(1, -1, 2)


class Tower:
    def __init__(self, model: torch.nn.Module):
        model.set_attn_implementation("eager")
        self.tower = model.model.vision_tower.eval()
        self.embed = model.model.embed_vision.eval()
        self.seen: dict[str, torch.Tensor] = {}
        self.tower.patch_embedder.register_forward_hook(self._record("patches"))
        for i, layer in enumerate(self.tower.encoder.layers):
            layer.register_forward_hook(self._record(f"layer.{i}"))
        self.tower.pooler.register_forward_hook(self._record("pooled"))

    def _record(self, name: str):
        def hook(_module, _inputs, output):
            output = output[0] if isinstance(output, tuple) else output
            self.seen[name] = output[0].detach().float().contiguous().clone()
        return hook

    @torch.no_grad()
    def run(self, patches: torch.Tensor, where: torch.Tensor) -> dict[str, torch.Tensor]:
        self.seen.clear()
        standardised = self.tower(patches[None], where).last_hidden_state
        soft = self.embed(standardised)
        return {**self.seen, "standardised": standardised.contiguous(), "soft": soft.contiguous()}


def main() -> None:
    transformers.logging.set_verbosity_error()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    folder = os.path.join(sys.argv[1], NAME)
    shutil.rmtree(folder, ignore_errors=True)
    spec = Model(NAME, toy_models.gemma4_vision, "bf16", torch.bfloat16, None, {})
    model = spec.make()
    toy_models.fill(model, SEED, spec.exact)
    write_hugging_face(spec, model, ToyTokenizer(spec.family), folder)

    # What is compared is the file, read back, not the model that made it.
    model = type(model).from_pretrained(folder, dtype=torch.float32)
    write_mmproj(os.path.join(folder, "mmproj.gguf"), model)
    tower = Tower(model)
    side = model.config.vision_config.patch_size
    tensors, about = {}, {}
    for index, (width, height) in enumerate(GRIDS):
        patches = pixels(width * height * 3 * side * side, index).reshape(width * height, -1)
        seen = tower.run(patches, positions(width, height))
        for name, tensor in seen.items():
            tensors[f"{width}x{height}.{name}"] = tensor
        about[f"{width}x{height}"] = {name: round(float(tensor.std()), 4) for name, tensor in seen.items()}
    save_file(tensors, os.path.join(folder, "golden-vision.safetensors"))
    note = {"model": NAME, "seed": SEED, "transformers": transformers.__version__,
            "torch": torch.__version__, "grids": GRIDS, "deviation": about}
    with open(os.path.join(folder, "golden-vision.json"), "w", encoding="utf-8") as out:
        out.write(compact_json(note))
    size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
    print(f"{NAME}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
