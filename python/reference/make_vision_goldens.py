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
from oracle import Oracle
from toy_mmproj import write_mmproj
from toy_tokenizer import ToyTokenizer
from video_prompt import VideoPrompt

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


class ImagePrompt:
    """A prompt of words and two images through the whole model: each image between its delimiters,
    one of them longer than the window of 16."""

    WORDS = (9, 5, 12)    # before, between and after the images
    GRIDS = (3, 2)        # of GRIDS above: 36 and 8 soft tokens
    GREEDY_TOKENS = 24

    def __init__(self, model: torch.nn.Module, tokenizer: ToyTokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.oracle = Oracle(model)
        generator = torch.Generator().manual_seed(77)
        choices = tokenizer.plain_ids()
        words = lambda n: [choices[int(i)] for i in torch.randint(len(choices), (n,), generator=generator)]
        begin, end, image = (tokenizer.ids[name] for name in ("<|image>", "<image|>", "<|image|>"))
        self.image = image
        soft = [GRIDS[i][0] * GRIDS[i][1] // 9 for i in self.GRIDS]
        self.ids = [tokenizer.bos] + words(self.WORDS[0])
        for count, after in zip(soft, self.WORDS[1:]):
            self.ids += [begin] + [image] * count + [end] + words(after)
        side = 3 * model.config.vision_config.patch_size ** 2
        most = max(GRIDS[i][0] * GRIDS[i][1] for i in self.GRIDS)
        self.pixels = torch.zeros(len(self.GRIDS), most, side)
        self.places = torch.full((len(self.GRIDS), most, 2), -1)
        for row, index in enumerate(self.GRIDS):
            width, height = GRIDS[index]
            self.pixels[row, :width * height] = pixels(width * height * side, index).reshape(-1, side)
            self.places[row, :width * height] = positions(width, height)

    @torch.no_grad()
    def logits(self, ids: list[int]) -> torch.Tensor:
        self.oracle.seen.clear()
        kinds = torch.tensor([[int(i == self.image) for i in ids]])
        output = self.model(input_ids=torch.tensor([ids]), pixel_values=self.pixels,
                            image_position_ids=self.places, mm_token_type_ids=kinds, use_cache=False)
        return output.logits[0].float()

    def tensors(self) -> dict[str, torch.Tensor]:
        logits = self.logits(self.ids)
        found = {"prompt.ids": torch.tensor(self.ids, dtype=torch.int32), "logits": logits}
        for name, value in self.oracle.seen.items():
            if name.startswith("hidden.layer."):
                found[name] = value
        ids, gaps = list(self.ids), []
        for _ in range(self.GREEDY_TOKENS):
            last = self.logits(ids)[-1]
            last[self.image] = -1e9  # the engine never draws it
            best = last.topk(2)
            gaps.append(float(best.values[0] - best.values[1]))
            ids.append(int(best.indices[0]))
        print("smallest lead of a greedy token:", min(gaps))
        found["greedy.ids"] = torch.tensor(ids[len(self.ids):], dtype=torch.int32)
        return {name: value.contiguous() for name, value in found.items()}


def write_json(path: str, fields: dict) -> None:
    with open(path, "w", encoding="utf-8") as out:
        out.write(compact_json(fields))


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
    save_file(ImagePrompt(model, ToyTokenizer(spec.family)).tensors(),
              os.path.join(folder, "golden-images.safetensors"))
    video = VideoPrompt(model)
    save_file(video.tensors(), os.path.join(folder, "golden-video.safetensors"))
    write_json(os.path.join(folder, "golden-video.json"), video.about())
    note = {"model": NAME, "seed": SEED, "transformers": transformers.__version__,
            "torch": torch.__version__, "grids": GRIDS, "deviation": about}
    write_json(os.path.join(folder, "golden-vision.json"), note)
    size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
    print(f"{NAME}: {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
