"""Good files of every kind, cut short at many places and with flipped bits."""

from hostile.file import File, Random, golden

IMAGES = (
    "jpeg_444.jpg",
    "jpeg_progressive.jpg",
    "png_rgb.png",
    "png_interlaced.png",
    "webp_lossy.webp",
    "webp_lossless.webp",
    "gif.gif",
    "tiff_lzw.tif",
    "avif_420.avif",
    "heic_420.heic",
)
VIDEOS = (
    "video_h264.mp4",
    "video_hevc.mp4",
    "video_h264_444.mov",
    "video_vp8.webm",
    "video_vp9.webm",
    "video_av1.mkv",
    "video_mpeg4.avi",
    "video_webp.webp",
)
CUTS = (0.6,)
FLIPS = (30,)


def flipped(data: bytes, flips: int, seed: int) -> bytes:
    random = Random(seed)
    out = bytearray(data)
    for _ in range(flips):
        out[16 + random.below(len(out) - 16)] ^= 1 << random.below(8)  # the first bytes say of what kind it is
    return bytes(out)


def files():
    for number, name in enumerate(IMAGES + VIDEOS):
        good, video = golden(name), name in VIDEOS
        stem, ending = name.rsplit(".", 1)
        for cut in CUTS:
            yield File(
                f"{stem}-cut-at-{cut:.0%}.{ending}".replace("%", ""), good[: int(cut * len(good))], "either", video
            )
        for flips in FLIPS:
            yield File(f"{stem}-flipped-{flips}.{ending}", flipped(good, flips, 100 * number + flips), "either", video)
