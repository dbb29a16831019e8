"""Small files of every video kind, and what PyAV and Pillow make of them.

    python make_video_goldens.py OUT_FOLDER      (tests/golden/decode)

videos.json names each file with its frame count and rate, and for a few frames (index, then the mean
red, green, blue of each quarter). Means are compared, within 4 levels: libraries convert colours
differently, and what matters is that frames are the right ones, upright and not discoloured.
"""

import io
import json
import pathlib
import sys
from fractions import Fraction

import av
import numpy as np
from PIL import Image, ImageSequence

WIDTH, HEIGHT, FRAMES, FPS = 64, 48, 25, 10


def frame(index, width=WIDTH, height=HEIGHT):
    """Four flat quarters; the first tells the frame's number."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[: height // 2, : width // 2] = (index * 10, 255 - index * 10, 60)
    rgb[: height // 2, width // 2 :] = (200, 30, 40)
    rgb[height // 2 :, : width // 2] = (20, 180, 50)
    rgb[height // 2 :, width // 2 :] = (40, 60, index * 9)
    return rgb


def quarters(rgb):
    height, width = rgb.shape[0] // 2, rgb.shape[1] // 2
    parts = [rgb[y : y + height, x : x + width] for y in (0, height) for x in (0, width)]
    return [round(float(value), 1) for part in parts for value in part.mean(axis=(0, 1))]


def encode(container, codec, pixels="yuv420p", **options):
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream(codec, rate=FPS, options={k: str(v) for k, v in options.items()})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        for index in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(frame(index), format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            file.mux(stream.encode(picture))
        file.mux(stream.encode())
    return out.getvalue()


def decoded(content):
    with av.open(io.BytesIO(content)) as file:
        stream = file.streams.video[0]
        rate = float(stream.average_rate)
        return rate, [picture.to_ndarray(format="rgb24") for picture in file.decode(stream)]


def decoded_by_pillow(content):
    image = Image.open(io.BytesIO(content))
    return FPS, [np.asarray(page.convert("RGB")) for page in ImageSequence.Iterator(image)]


def moving_picture(kind):
    pages = [Image.fromarray(frame(index)) for index in range(FRAMES)]
    out = io.BytesIO()
    options = {"lossless": True} if kind == "WEBP" else {}
    pages[0].save(out, kind, save_all=True, append_images=pages[1:], duration=1000 // FPS, **options)
    return out.getvalue()


def main():
    folder = pathlib.Path(sys.argv[1])
    videos = {
        "video_h264.mp4": encode("mp4", "libx264", bf=2, g=12),
        "video_h264_444.mov": encode("mov", "libx264", pixels="yuv444p"),
        "video_hevc.mp4": encode("mp4", "libx265", **{"x265-params": "log-level=none"}),
        "video_hevc_10bit.mkv": encode("matroska", "libx265", pixels="yuv420p10le",
                                       **{"x265-params": "log-level=none"}),
        "video_vp8.webm": encode("webm", "libvpx", **{"auto-alt-ref": 1, "lag-in-frames": 10}),
        "video_vp9.webm": encode("webm", "libvpx-vp9", **{"auto-alt-ref": 1, "lag-in-frames": 10}),
        "video_av1.mkv": encode("matroska", "libsvtav1" if "libsvtav1" in av.codecs_available
                                else "libaom-av1"),
        "video_mpeg4.avi": encode("avi", "mpeg4", bf=0),
        "video_gif.gif": moving_picture("GIF"),
        "video_webp.webp": moving_picture("WEBP"),
    }
    cases = []
    for name, content in videos.items():
        (folder / name).write_bytes(content)
        pillow = name.endswith((".gif", ".webp"))
        rate, frames = decoded_by_pillow(content) if pillow else decoded(content)
        kept = [{"index": i, "means": quarters(frames[i])} for i in range(0, len(frames), 5)]
        cases.append({"file": name, "frames": len(frames), "fps": rate, "kept": kept})
    text = json.dumps({"versions": {"av": av.__version__}, "cases": cases})
    (folder / "videos.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
