"""Writes tests/golden/models: toy checkpoints and what transformers computes for them.

usage: make_model_goldens.py OUT_FOLDER [MODEL...]     (see README.md)
"""

import json
import os
import shutil
import sys

import torch
import transformers
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file

import toy_models
from oracle import Oracle
from toy_gguf import Recipe, write_gguf
from toy_tokenizer import ToyTokenizer

PROMPT_TOKENS = 59     # three windows of 16 and a bit
GREEDY_TOKENS = 40
TAIL = 8               # positions whose intermediate values are kept
GAP_MIN = 2e-3         # every greedy step wins by this much, in logits
ROUTER_GAP_MIN = 1e-4  # and every expert choice by this much, in probability
SEEDS_MAX = 400


class Model:
    def __init__(self, name, make, exact, dtype, shard_bytes, ggufs):
        self.name, self.make, self.exact = name, make, exact
        self.dtype, self.shard_bytes, self.ggufs = dtype, shard_bytes, ggufs
        self.family = name.split("-")[0]


MODELS = [
    Model("gemma4-moe", toy_models.gemma4_moe, "q8", torch.bfloat16, None, {
        "lossless": Recipe(Type.Q8_0, Type.F16, lossless_q8=True),
        "q4_0": Recipe(Type.Q4_0, Type.Q8_0, split_experts=True)}),
    Model("gemma4-dense", toy_models.gemma4_dense, "f32", torch.float32, "600KB", {
        "q8_0": Recipe(Type.Q8_0, Type.Q8_0)}),
    Model("gemma3-text", toy_models.gemma3_text, "bf16", torch.bfloat16, None, {
        "lossless": Recipe(Type.F16, Type.BF16)}),
]


def prompt_for(seed: int, tokenizer: ToyTokenizer) -> list[int]:
    generator = torch.Generator().manual_seed(seed + 1_000_000)
    choices = tokenizer.plain_ids()
    picks = torch.randint(len(choices), (PROMPT_TOKENS - 1,), generator=generator)
    return [tokenizer.bos] + [choices[int(pick)] for pick in picks]


def find_seed(spec: Model, tokenizer: ToyTokenizer):
    """The first seed whose greedy path is clear, never stops and is not one long loop."""
    special = set(tokenizer.stop) | set(range(tokenizer.ids["<mask>"] + 1))
    special |= {id_ for token, id_ in tokenizer.ids.items() if any(
        kind in token for kind in ("image", "audio", "video"))}
    for seed in range(1, SEEDS_MAX):
        model = spec.make()
        toy_models.fill(model, seed, spec.exact)
        oracle = Oracle(model)
        prompt = prompt_for(seed, tokenizer)
        oracle.logits(prompt)
        if oracle.router_gap() < ROUTER_GAP_MIN:
            continue
        ids, gaps, router = oracle.greedy(prompt, GREEDY_TOKENS, give_up_gap=GAP_MIN)
        if (len(ids) == GREEDY_TOKENS and min(gaps) > GAP_MIN and router > ROUTER_GAP_MIN
                and not special & set(ids) and len(set(ids)) >= GREEDY_TOKENS // 3):
            return seed
    raise SystemExit(f"{spec.name}: no seed below {SEEDS_MAX} gives a clear greedy path")


def write_hugging_face(spec: Model, model, tokenizer: ToyTokenizer, folder: str) -> None:
    model = model.to(spec.dtype)
    model.config.dtype = spec.dtype
    options = {"max_shard_size": spec.shard_bytes} if spec.shard_bytes else {}
    model.generation_config = transformers.GenerationConfig(
        bos_token_id=tokenizer.bos, pad_token_id=tokenizer.pad, eos_token_id=tokenizer.stop,
        do_sample=True, temperature=1.0, top_k=64, top_p=0.95)
    model.save_pretrained(folder, **options)
    for file, text in (("tokenizer.json", tokenizer.tokenizer_json()),
                       ("tokenizer_config.json", tokenizer.tokenizer_config_json())):
        with open(os.path.join(folder, file), "w", encoding="utf-8") as out:
            out.write(text)


def write_older_config(folder: str) -> None:
    """config-older.json: the spelling before per_layer_config, for the same model."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    text = config.get("text_config", config)
    full = next(iter(text.pop("per_layer_config").values()))
    text["global_head_dim"] = full["head_dim"]
    text["num_global_key_value_heads"] = full["num_key_value_heads"]
    kind = transformers.Gemma4Config if text is not config else transformers.Gemma4TextConfig
    read_back = kind.from_dict(json.loads(json.dumps(config))).get_text_config()
    now = kind.from_pretrained(folder).get_text_config()
    assert read_back.to_dict()["per_layer_config"] == now.to_dict()["per_layer_config"]
    with open(os.path.join(folder, "config-older.json"), "w", encoding="utf-8") as file:
        file.write(json.dumps(config, indent=2, sort_keys=True) + "\n")


def golden_tensors(oracle: Oracle, prompt: list[int]) -> dict[str, torch.Tensor]:
    logits = oracle.logits(prompt)
    tensors = {"prompt.ids": torch.tensor(prompt, dtype=torch.int32), "logits": logits}
    layers = range(len(oracle.text.layers))
    for name, value in oracle.seen.items():
        if name.startswith("hidden."):
            tensors[name] = value
        elif name.startswith("layer."):
            tensors[name] = value[-TAIL:]
    if "router.0.ids" in oracle.seen:
        for field in ("ids", "weights"):
            stack = torch.stack([oracle.seen[f"router.{i}.{field}"] for i in layers])
            tensors[f"router.{field}"] = stack.int() if field == "ids" else stack
    return {name: value.contiguous() for name, value in tensors.items()}


def write_golden(folder, stem, oracle, prompt, note, full=True) -> None:
    tensors = golden_tensors(oracle, prompt)
    if not full:
        tensors = {name: tensors[name] for name in ("prompt.ids", "logits")}
        tensors["logits"] = tensors["logits"][-TAIL:].contiguous()
    router_gap = oracle.router_gap()
    ids, gaps, greedy_router_gap = oracle.greedy(prompt, GREEDY_TOKENS)
    tensors["greedy.ids"] = torch.tensor(ids, dtype=torch.int32)
    tensors["greedy.gaps"] = torch.tensor(gaps)
    save_file(tensors, os.path.join(folder, f"{stem}.safetensors"))
    summary = {**note, "transformers": transformers.__version__, "torch": torch.__version__,
               "prompt_ids": prompt, "greedy_ids": ids, "greedy_gap_min": min(gaps),
               "router_gap_min": min(router_gap, greedy_router_gap),
               "logit_max": float(tensors["logits"].abs().max()),
               "logit_deviation": float(tensors["logits"].std())}
    if not full:
        summary["logits_positions"] = f"last {TAIL}"
    with open(os.path.join(folder, f"{stem}.json"), "w", encoding="utf-8") as out:
        out.write(compact_json(summary))


def compact_json(fields: dict) -> str:
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in fields.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def check_cached_generation(model, prompt: list[int], ids: list[int]) -> None:
    """generate() with its key-value cache walks the same path."""
    greedy = model.generate(torch.tensor([prompt]), do_sample=False, max_new_tokens=len(ids),
                            eos_token_id=None)
    assert greedy[0, len(prompt):].tolist() == ids, "generate() parts from the uncached path"


def make(spec: Model, out_folder: str) -> None:
    tokenizer = ToyTokenizer(spec.family)
    seed = find_seed(spec, tokenizer)
    folder = os.path.join(out_folder, spec.name)
    shutil.rmtree(folder, ignore_errors=True)
    model = spec.make()
    toy_models.fill(model, seed, spec.exact)
    write_hugging_face(spec, model, tokenizer, folder)

    if spec.family == "gemma4":
        write_older_config(folder)

    # What is compared is the file, read back, not the model that made it.
    model = type(model).from_pretrained(folder, dtype=torch.float32)
    ggufs = {}
    for name, recipe in spec.ggufs.items():
        path = os.path.join(folder, f"{spec.name}-{name}.gguf")
        ggufs[name] = (recipe, write_gguf(path, model, recipe))
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    oracle = Oracle(model)
    prompt = prompt_for(seed, tokenizer)
    note = {"model": spec.name, "seed": seed, "gguf_equal": [], "gguf_own_golden": []}
    own = {}
    for name, (_, stored) in ggufs.items():
        same = all(torch.equal(stored[key], weights[key]) for key in stored)
        note["gguf_equal" if same else "gguf_own_golden"].append(name)
        if not same:
            own[name] = stored
        assert same == (name == "lossless"), f"{spec.name} {name}: unexpected loss or none"
    write_golden(folder, "golden", oracle, prompt, note)
    check_cached_generation(model, prompt, oracle.greedy(prompt, GREEDY_TOKENS)[0])

    for name, stored in own.items():
        lossy = spec.make()
        lossy.load_state_dict(stored, strict=False)
        lossy.tie_weights()
        write_golden(folder, f"golden-{name}", Oracle(lossy), prompt,
                     {"model": f"{spec.name}-{name}.gguf"}, full=False)
    size = sum(os.path.getsize(os.path.join(folder, file)) for file in os.listdir(folder))
    print(f"{spec.name}: seed {seed}, {size / 1e6:.2f} MB")


def main() -> None:
    transformers.logging.set_verbosity_error()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    out_folder, wanted = sys.argv[1], sys.argv[2:]
    for spec in MODELS:
        if not wanted or spec.name in wanted:
            make(spec, out_folder)


if __name__ == "__main__":
    main()
