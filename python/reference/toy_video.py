"""The video of the goldens: a formula rather than a file; src/base/test_video.h makes the same bytes."""

import numpy as np


def frame(index: int, width: int, height: int) -> np.ndarray:
    """[height, width, 3] u8: a square and a disc that wander over slopes that drift."""
    y, x, c = np.ogrid[:height, :width, :3]
    rgb = (x * (c + 1) + y * (3 - c) + index * 5) & 255
    side, radius = height // 3, height // 5
    left, top = index * 7 % (width - side), index * 4 % (height - side)
    square = (x >= left) & (x < left + side) & (y >= top) & (y < top + side)
    rgb = np.where(square, (250, 40, 20 + index), rgb)
    across, down = width - 1 - index * 5 % width, height // 2 + index * 3 % (height // 2)
    disc = (x - across) ** 2 + (y - down) ** 2 < radius**2
    return np.where(disc, (10, 60 + index * 2, 240), rgb).astype(np.uint8)


def video(count: int, width: int, height: int) -> np.ndarray:
    return np.stack([frame(index, width, height) for index in range(count)])
