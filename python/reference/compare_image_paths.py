"""How far transformers' two image processors for Gemma 4, its video processor, and two orders of Pillow's
passes, lie apart.

    python compare_image_paths.py FOLDER      (with pictures in it)

Prints one line a comparison: values (0 to 255, after resizing) that differ, and by how much at most.
Rows first is what Pillow up to 12 always did; each pass rounds to 8 bits, so two resizes equal one.
"""

import pathlib
import sys

import numpy as np
from PIL import Image
from transformers.models.gemma4.image_processing_gemma4 import Gemma4ImageProcessor
from transformers.models.gemma4.image_processing_pil_gemma4 import Gemma4ImageProcessorPil
from transformers.models.gemma4.video_processing_gemma4 import Gemma4VideoProcessor

BUDGETS = (70, 140, 280, 560, 1120)


class Difference:
    def __init__(self, name):
        self.name, self.values, self.levels, self.pictures = name, 0, np.zeros(256, dtype=int), 0

    def add(self, a, b):
        levels = np.abs(a.astype(int) - b.astype(int))
        self.values += levels.size
        self.levels += np.bincount(levels.ravel(), minlength=256)
        self.pictures += bool(levels.any())

    def __str__(self):
        by = {d: f"{100 * n / self.values:.4f} %" for d, n in enumerate(self.levels) if n and d}
        return f"{self.name}: {self.pictures} differ; of {self.values} values by levels: {by}"


def pixels(processor, image):
    out = processor(image, return_tensors="np")
    values = out["pixel_values"][0][: 9 * int(out["num_soft_tokens_per_image"][0])]  # no padding
    return np.rint(values.astype(np.float64) * 255).astype(np.uint8)


def frame_pixels(processor, image):
    out = processor(np.array(image)[None], do_sample_frames=False, return_tensors="np")
    values = out["pixel_values_videos"][0][: 9 * int(out["num_soft_tokens_per_video"][0])]
    return np.rint(values.astype(np.float64) * 255).astype(np.uint8)


def pictures(folder):
    for path in sorted(pathlib.Path(folder).iterdir()):
        try:
            image = Image.open(path)
            image.load()
        except Exception:  # some folders hold broken files on purpose
            continue
        if image.mode == "RGB" and min(image.size) > 3:
            yield Image.fromarray(np.array(image))  # a frame has no transparent colour


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    count = 0
    for budget in BUDGETS:
        torchvision = Difference(f"budget {budget}, torchvision and Pillow")
        frame = Difference(f"budget {budget}, a video's frame and Pillow")
        tall = Difference(f"budget {budget}, rows first and columns first, where Pillow does columns first")
        pil = Gemma4ImageProcessorPil(max_soft_tokens=budget)
        for image in pictures(sys.argv[1]):
            count += 1
            torchvision.add(pixels(Gemma4ImageProcessor(max_soft_tokens=budget), image), pixels(pil, image))
            frame.add(frame_pixels(Gemma4VideoProcessor(max_soft_tokens=budget), image), pixels(pil, image))
            array = np.moveaxis(np.array(image), -1, 0)
            resized = pil.aspect_ratio_preserving_resize(array, 16, 9 * budget, 3, Image.Resampling.BICUBIC)
            height, width = resized.shape[1:]
            lost = image.height - height
            if lost > 0 and lost > 2 * (image.width - width):
                rows_first = image.resize((width, image.height), Image.Resampling.BICUBIC)
                rows_first = rows_first.resize((width, height), Image.Resampling.BICUBIC)
                tall.add(np.moveaxis(np.array(rows_first), -1, 0), resized)
        print(torchvision)
        print(frame)
        if tall.values:
            print(tall)
    print(f"{count // len(BUDGETS)} pictures")


if __name__ == "__main__":
    main()
