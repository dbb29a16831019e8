"""Which frames of a video transformers' processor keeps, for many lengths, rates and wishes.

    python make_frame_choice_goldens.py OUT_FOLDER      (tests/golden/media)

frame_choice.json, rows of [frames of the video, its rate, num_frames or null, fps or null, how many
are kept, CRC-32 of their indices as little-endian int64]; kept is null where transformers refuses
because there are fewer frames than it wants.
"""

import json
import pathlib
import random
import sys
import zlib

import numpy as np
import transformers
from transformers.models.gemma4.video_processing_gemma4 import Gemma4VideoProcessor
from transformers.video_utils import VideoMetadata

RATES = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 60000 / 1001, 60.0, 12.0, 10.0, 1.0, 0.5, 29.97, 1000 / 33)
KEPT_MAX = 1024  # src/media/video.h


def wishes():
    rng = random.Random(3)
    for frames in (1, 2, 3, 31, 32, 33, 60, 1024, 100_000, 7_654_321):
        for count in (1, 2, 31, 32, 33):
            yield frames, 24.0, count, None
    for rate in RATES:  # whole seconds, where rounding decides
        for seconds in (1, 2, 7, 10, 49, 60):
            for fps in (0.1, 1 / 3, 0.5, 1.0, 2.0, 3.3):
                yield max(1, round(seconds * rate)), rate, None, fps
    for _ in range(500):
        frames, rate = int(2 ** rng.uniform(0, 20)), rng.choice((*RATES, rng.uniform(0.2, 240)))
        if rng.random() < 0.5:
            yield frames, rate, rng.randint(1, min(2 * frames, KEPT_MAX)), None
        else:
            yield frames, rate, None, rng.choice((0.5, 1.0, 2.0, rng.uniform(0.01, 2 * rate)))


def main():
    processor = Gemma4VideoProcessor()
    rows = []
    for frames, rate, count, fps in wishes():
        processor.num_frames = None if fps else 32  # else an fps is refused: the two exclude each other
        metadata = VideoMetadata(total_num_frames=frames, fps=rate)
        row = [frames, rate, count, fps]
        try:
            indices = processor.sample_frames(metadata, num_frames=count, fps=fps)
        except ValueError as refusal:
            assert "exceeds total_num_frames" in str(refusal)
            rows.append([*row, None, None])
            continue
        if len(indices) <= KEPT_MAX:
            rows.append([*row, len(indices), zlib.crc32(indices.astype("<i8").tobytes())])
    text = ",\n".join(json.dumps(row) for row in rows)
    path = pathlib.Path(sys.argv[1]) / "frame_choice.json"
    path.write_text(f'{{"transformers": "{transformers.__version__}", "cases": [\n{text}\n]}}\n')
    print(np.array([row[4] is None for row in rows]).sum(), "refused of", len(rows))


if __name__ == "__main__":
    main()
