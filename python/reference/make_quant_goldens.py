"""Random blocks of every tensor type and the floats that the `gguf` package decodes from them.

    python make_quant_goldens.py OUT_FOLDER      (tests/golden/tensor)

One file per type: the bytes of 2048 values, then the 2048 values as little-endian float32.
Scales are finite halves of every kind: normal, negative, subnormal, zero, the largest.
"""

import pathlib
import sys

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

VALUES = 2048
# Type -> where its half-float scales lie in a block (byte offsets).
SCALES = {
    "Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0],
}


def finite_halves(rng, count):
    halves = rng.integers(0, 0x7C00, count, dtype=np.uint16)  # any finite magnitude
    halves[::3] = rng.integers(0x1400, 0x2800, len(halves[::3]))  # the usual: 1e-3 to 3e-2
    halves |= rng.integers(0, 2, count, dtype=np.uint16) << 15
    halves[:5] = [0x0000, 0x8000, 0x0001, 0x7BFF, 0xFBFF]
    rng.shuffle(halves)
    return halves


def plain_values(rng, name):
    if name == "F32":
        return rng.standard_normal(VALUES, dtype=np.float32).view(np.uint8)
    infinity = {"F16": 0x7C00, "BF16": 0x7F80}[name]
    bits = rng.integers(0, infinity + 1, VALUES, dtype=np.uint16)
    bits |= rng.integers(0, 2, VALUES, dtype=np.uint16) << 15
    bits[:4] = [0x0000, 0x8000, infinity, infinity | 0x8000]
    return bits.view(np.uint8)


def blocks(rng, name, block_values, block_bytes):
    count = VALUES // block_values
    data = rng.integers(0, 256, (count, block_bytes), dtype=np.uint8)
    for offset in SCALES[name]:
        halves = finite_halves(rng, max(count, 5))[:count]
        data[:, offset : offset + 2] = halves.view(np.uint8).reshape(count, 2)
    return data.reshape(-1)


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(["F32", "F16", "BF16", *SCALES]):
        rng = np.random.default_rng(4000 + seed)
        kind = GGMLQuantizationType[name]
        if name in SCALES:
            data = blocks(rng, name, *GGML_QUANT_SIZES[kind])
        else:
            data = plain_values(rng, name)
        values = quants.dequantize(data, kind).astype("<f4").reshape(-1)
        assert values.size == VALUES and not np.isnan(values).any()
        (folder / f"{name}.bin").write_bytes(data.tobytes() + values.tobytes())


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
