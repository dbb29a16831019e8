"""What transformers' Pillow image processor and Pillow itself make of generated pictures.

    python make_image_goldens.py OUT_FOLDER      (tests/golden/media)

Pictures are not stored: `picture` here and src/media/test_picture.h make the same bytes. Results are
stored as CRC-32, a few small ones whole.

sizes.bin      rows of 12 little-endian u16: width, height, then resized width, height for each budget
resize.json    Image.resize(BICUBIC) from one size to another
prepared.json  the processor: patches (f32) and positions (i32) without its padding
"""

import json
import pathlib
import random
import sys
import zlib

import numpy as np
import PIL
from PIL import Image
from transformers.models.gemma4.image_processing_pil_gemma4 import (
    Gemma4ImageProcessorPil,
    get_aspect_ratio_preserving_size,
)

BUDGETS = (70, 140, 280, 560, 1120)
SIDE_MAX, PIXELS_MAX = 65535, 128 << 20  # src/media/image.h
STYLES = ("noise", "slopes", "bars")


def picture(style, width, height, seed):
    """[height, width, 3] u8."""
    y, x, c = np.ogrid[:height, :width, :3]
    if style == "slopes":  # smooth, with edges where it wraps around
        return ((x * 5 + y * 3 + c * 64 + seed) & 255).astype(np.uint8)
    if style == "bars":  # black and white: a bicubic kernel overshoots both ends
        return (((x // 3 + y // 5 + c + seed) & 1) * 255).astype(np.uint8)
    v = np.arange(width * height * 3, dtype=np.uint32)
    v += np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
    v ^= v >> 16
    v *= np.uint32(0x7FEB352D)
    v ^= v >> 15
    v *= np.uint32(0x846CA68B)
    return (v >> 24).astype(np.uint8).reshape(height, width, 3)


def size_rows(count):
    rng = random.Random(1)
    edges = [(w, h) for w in (1, 2, 47, 48, 49, 3000, SIDE_MAX) for h in (1, 2, 47, 48, 49, 2000)]
    edges += [(h, w) for w, h in edges if w != h]
    # Around the aspect ratios at which a side rounds to nothing.
    for budget in BUDGETS:
        for ratio in (budget - 1, budget, budget + 1):
            for short in (1, 3, 16, 48):
                edges += [(ratio * short, short), (short, ratio * short)]
    edges += [(48 * a, 48 * b) for a in range(1, 40, 3) for b in range(1, 40, 3)]
    sizes = [s for s in edges if max(s) <= SIDE_MAX and s[0] * s[1] <= PIXELS_MAX]
    while len(sizes) < count:
        width, height = (int(2 ** rng.uniform(0, 16)) for _ in range(2))
        if max(width, height) <= SIDE_MAX and width * height <= PIXELS_MAX:
            sizes.append((width, height))
    for width, height in sizes:
        row = [width, height]
        for budget in BUDGETS:
            resized = get_aspect_ratio_preserving_size(height, width, 16, 9 * budget, 3)
            row += [resized[1], resized[0]]
        yield row


def resize_cases():
    rng = random.Random(2)
    fixed = [
        ((1, 1), (48, 48)), ((1, 1), (1, 7)), ((1, 37), (48, 96)), ((37, 1), (96, 48)),
        ((8000, 3), (3360, 48)), ((3, 8000), (48, 3360)), ((17, 4000), (48, 3360)),
        ((65535, 2), (48, 48)), ((2, 65535), (48, 48)), ((96, 96), (96, 96)), ((96, 96), (96, 48)),
        ((96, 96), (48, 96)), ((100, 300), (50, 100)), ((100, 300), (50, 200)), ((100, 301), (50, 200)),
        ((300, 100), (100, 50)), ((1080, 2400), (528, 1152)), ((1920, 1080), (1056, 576)),
        ((1000, 1000), (7, 5)), ((5, 7), (1000, 1000)), ((8192, 8192), (1584, 1584)),
    ]  # fmt: skip
    for source, target in fixed:
        yield source, target
    for _ in range(400):
        yield tuple(tuple(int(2 ** rng.uniform(0, 8.5)) for _ in range(2)) for _ in range(2))


def resize_goldens():
    cases = []
    for i, (source, target) in enumerate(resize_cases()):
        style = STYLES[i % len(STYLES)]
        image = Image.fromarray(picture(style, *source, i))
        resized = image.resize(target, Image.Resampling.BICUBIC).tobytes()
        case = {"style": style, "seed": i, "from": source, "to": target, "crc": zlib.crc32(resized)}
        if len(resized) <= 120:
            case["rgb"] = resized.hex()
        cases.append(case)
    return {"pillow": PIL.__version__, "cases": cases}


def prepared_goldens():
    sizes = [
        (1, 1), (1, 37), (37, 1), (3, 3), (8000, 3), (3, 8000), (17, 4000), (4000, 17), (48, 48),
        (768, 768), (1584, 1584), (1056, 576), (640, 480), (1000, 1500), (1080, 2400), (2480, 3508),
    ]  # fmt: skip
    cases = []
    for i, (width, height) in enumerate(sizes):
        style = STYLES[i % len(STYLES)]
        image = Image.fromarray(picture(style, width, height, i))
        for budget in BUDGETS if (width, height) == (1080, 2400) else (BUDGETS[i % 5], BUDGETS[i % 3]):
            out = Gemma4ImageProcessorPil(max_soft_tokens=budget)(image, return_tensors="np")
            tokens = int(out["num_soft_tokens_per_image"][0])
            values = np.ascontiguousarray(out["pixel_values"][0][: 9 * tokens])
            positions = out["image_position_ids"][0]
            assert values.dtype == np.float32 and (positions[9 * tokens :] == -1).all()
            cases.append({
                "style": style, "seed": i, "size": (width, height), "budget": budget,
                "tokens": tokens, "values": zlib.crc32(values.tobytes()),
                "positions": zlib.crc32(positions[: 9 * tokens].astype("<i4").tobytes()),
            })  # fmt: skip
    return {"cases": cases}


def write_json(path, document):
    lines = [json.dumps(case, separators=(",", ":")) for case in document.pop("cases")]
    head = json.dumps(document)[:-1] + (", " if document else "")
    path.write_text(head + '"cases": [\n' + ",\n".join(lines) + "\n]}\n")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    np.array(list(size_rows(4000)), dtype="<u2").tofile(folder / "sizes.bin")
    write_json(folder / "resize.json", resize_goldens())
    write_json(folder / "prepared.json", prepared_goldens())


if __name__ == "__main__":
    main()
