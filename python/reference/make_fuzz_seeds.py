"""Small valid files for the fuzzers of the weights room.

    python make_fuzz_seeds.py OUT_FOLDER      (fuzz/corpus)

Written with the `gguf` and `safetensors` packages, so that they are what published tools write.
"""

import json
import pathlib
import sys

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter
from safetensors.torch import save_file

QUANTISED = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]


def gguf_writer(path):
    return GGUFWriter(path, "gemma4")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def gguf_seeds(folder):
    folder.mkdir(parents=True, exist_ok=True)
    writer = gguf_writer(folder / "values.gguf")
    writer.add_uint8("u8", 1)
    writer.add_int8("i8", -1)
    writer.add_uint16("u16", 2)
    writer.add_int16("i16", -2)
    writer.add_uint32("u32", 3)
    writer.add_int32("i32", -3)
    writer.add_uint64("u64", 1 << 60)
    writer.add_int64("i64", -(1 << 60))
    writer.add_float32("f32", 0.5)
    writer.add_float64("f64", 0.25)
    writer.add_bool("b", True)
    writer.add_string("s", "text")
    writer.add_array("ai", [1, -2])
    writer.add_array("af", [0.5, 1.5])
    writer.add_array("ab", [True, False])
    finish(writer)

    writer = gguf_writer(folder / "vocabulary.gguf")
    writer.add_token_list(["<pad>", "<eos>", "\u2581the"])
    writer.add_token_scores([0.0, -1.0, -2.0])
    writer.add_token_types([3, 3, 1])
    writer.add_token_merges(["t h", "th e"])
    finish(writer)

    rng = np.random.default_rng(1)
    for name in QUANTISED:
        kind = GGMLQuantizationType[name]
        values, size = GGML_QUANT_SIZES[kind]
        writer = gguf_writer(folder / f"{name.lower()}.gguf")
        writer.add_tensor("blk.0.w", rng.integers(0, 60, (2, size), dtype=np.uint8), raw_dtype=kind)
        writer.add_tensor("norm", np.ones(4, dtype=np.float32))
        finish(writer)

    writer = gguf_writer(folder / "plain.gguf")
    writer.add_custom_alignment(64)
    writer.add_tensor("f16", np.ones((2, 3), dtype=np.float16))
    writer.add_tensor("bf16", np.zeros((2, 8), dtype=np.uint8), raw_dtype=GGMLQuantizationType.BF16)
    writer.add_tensor("f32", np.ones((2, 1, 2, 2), dtype=np.float32))
    finish(writer)


def safetensors_seeds(folder):
    folder.mkdir(parents=True, exist_ok=True)
    save_file({"a": torch.ones(2, 3)}, folder / "one.safetensors", metadata={"format": "pt"})
    save_file(
        {
            "model.norm.weight": torch.ones(4, dtype=torch.bfloat16),
            "experts": torch.ones(2, 2, 2, dtype=torch.float16),
            "scalar": torch.tensor(1.0),
        },
        folder / "three.safetensors",
    )
    save_file({"ids": torch.ones(2, dtype=torch.int64)}, folder / "integers.safetensors")
    index = {
        "metadata": {"total_size": 16},
        "weight_map": {
            "a": "model-00001-of-00002.safetensors",
            "b": "model-00002-of-00002.safetensors",
        },
    }
    (folder / "index.json").write_text(json.dumps(index))


if __name__ == "__main__":
    out = pathlib.Path(sys.argv[1])
    gguf_seeds(out / "weights_gguf")
    safetensors_seeds(out / "weights_safetensors")
