"""Small files of every image kind, and what Pillow makes of them.

    python make_decode_goldens.py OUT_FOLDER      (tests/golden/decode)

images.json names each file with the size and SHA-256 of
ImageOps.exif_transpose(Image.open(file)).convert("RGB"). Where libraries may round differently (the
colour conversion of AVIF and HEIC; for 4:2:0 AVIF Pillow's libavif also smooths the colour planes) a PNG of Pillow's pixels lies beside the file instead, with the
largest and mean difference that is allowed.
"""

import hashlib
import io
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, features

WIDTH, HEIGHT = 53, 37


def picture(width=WIDTH, height=HEIGHT):
    """Slopes, an edge and a marked corner, so that no turn of it looks like another."""
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 255 // width, y * 255 // height, (x * 3 + y * 5) % 256], axis=-1)
    rgb[: height // 4, : width // 3] = (250, 20, 40)
    return Image.fromarray(rgb.astype(np.uint8))


def alpha(width=WIDTH, height=HEIGHT):
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(((x * 7 + y * 11) % 256).astype(np.uint8))


def sixteen(channels):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    planes = [(x * 1000 + y * 37 + c * 20011) % 65536 for c in range(channels)]
    return np.stack(planes, axis=-1).astype(np.uint16)


def png(colour, depth, rows_of_passes, size=(WIDTH, HEIGHT), interlaced=0, extra=b""):
    """A PNG by hand: Pillow writes neither 16-bit colour nor interlaced ones."""

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, interlaced)
    data = b"".join(b"\0" + row for rows in rows_of_passes for row in rows)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra
            + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b""))


def png16(channels):
    rows = [row.astype(">u2").tobytes() for row in sixteen(channels)]
    return png({1: 0, 2: 4, 3: 2, 4: 6}[channels], 16, [rows])


def adam7():
    pixels = np.asarray(picture())
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
              (0, 1, 1, 2)]
    return png(2, 8, [[row.tobytes() for row in pixels[y::dy, x::dx]] for x, y, dx, dy in passes],
               interlaced=1)


def without_adobe(jpeg):
    at = jpeg.index(b"\xff\xee\x00\x0eAdobe")
    return jpeg[:at] + jpeg[at + 16:]


class Goldens:
    def __init__(self, folder):
        self.folder = folder
        self.entries = []

    def add(self, name, content, page=0, max_difference=0, mean_difference=0.0):
        (self.folder / name).write_bytes(content)
        image = Image.open(io.BytesIO(content))
        image.seek(page)
        mode = image.mode
        rgb = ImageOps.exif_transpose(image).convert("RGB")
        entry = {"file": name, "mode": mode, "page": page, "width": rgb.width, "height": rgb.height}
        if max_difference:
            rgb.save(self.folder / (name + ".png"), optimize=True)
            entry |= {"pixels": name + ".png", "max": max_difference, "mean": mean_difference}
        else:
            entry["sha256"] = hashlib.sha256(rgb.tobytes()).hexdigest()
        self.entries.append(entry)

    def save(self, name, image, kind, page=0, max_difference=0, mean_difference=0.0, **options):
        out = io.BytesIO()
        image.save(out, kind, **options)
        self.add(name, out.getvalue(), page, max_difference, mean_difference)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def add_jpegs(goldens):
    rgb = picture()
    for name, sampling in (("444", 0), ("422", 1), ("420", 2)):
        goldens.save(f"jpeg_{name}.jpg", rgb, "JPEG", quality=90, subsampling=sampling)
    goldens.save("jpeg_progressive.jpg", rgb, "JPEG", quality=80, progressive=True)
    goldens.save("jpeg_grey.jpg", rgb.convert("L"), "JPEG")
    goldens.save("jpeg_cmyk.jpg", rgb.convert("CMYK"), "JPEG")
    out = io.BytesIO()
    rgb.convert("CMYK").save(out, "JPEG")
    goldens.add("jpeg_cmyk_plain.jpg", without_adobe(out.getvalue()))
    small = picture(23, 17)
    for orientation in range(1, 9):
        goldens.save(f"jpeg_turned_{orientation}.jpg", small, "JPEG", exif=exif(orientation))


def add_pngs(goldens):
    rgb = picture()
    goldens.save("png_rgb.png", rgb, "PNG")
    goldens.save("png_grey.png", rgb.convert("L"), "PNG")
    goldens.save("png_bits.png", rgb.convert("1"), "PNG")
    goldens.save("png_palette.png", rgb.quantize(37), "PNG")
    goldens.save("png_palette_4bit.png", rgb.quantize(11), "PNG")
    goldens.save("png_palette_clear.png", rgb.quantize(37), "PNG", transparency=5)
    goldens.save("png_rgb_clear.png", rgb, "PNG", transparency=(250, 20, 40))
    goldens.save("png_turned.png", rgb, "PNG", exif=exif(6))
    clear = rgb.copy()
    clear.putalpha(alpha())
    goldens.save("png_rgb_alpha.png", clear, "PNG")
    goldens.save("png_grey_alpha.png", clear.convert("LA"), "PNG")
    for channels in (1, 2, 3, 4):
        goldens.add(f"png_16bit_{channels}.png", png16(channels))
    goldens.add("png_interlaced.png", adam7())


def inset(indexed):
    """A GIF whose only frame leaves a part of the screen free."""
    out = io.BytesIO()
    indexed.save(out, "GIF", transparency=7)
    gif = bytearray(out.getvalue())
    gif[6:10] = struct.pack("<HH", WIDTH + 9, HEIGHT + 5)
    at = gif.index(b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
    gif[at + 1 : at + 5] = struct.pack("<HH", 4, 3)
    return bytes(gif)


def add_webps_and_gifs(goldens):
    rgb = picture()
    clear = rgb.copy()
    clear.putalpha(alpha())
    goldens.save("webp_lossy.webp", rgb, "WEBP", quality=80)
    goldens.save("webp_lossless.webp", rgb, "WEBP", lossless=True)
    goldens.save("webp_alpha.webp", clear, "WEBP", quality=80)
    goldens.save("webp_exact.webp", clear, "WEBP", lossless=True, exact=True)
    goldens.save("webp_turned.webp", rgb, "WEBP", lossless=True, exif=exif(8))
    frames = [ImageOps.mirror(rgb), ImageOps.flip(rgb)]
    goldens.save("webp_moving.webp", rgb, "WEBP", lossless=True, save_all=True, append_images=frames)
    indexed = rgb.quantize(60)
    goldens.save("gif.gif", indexed, "GIF", interlace=0)
    goldens.save("gif_interlaced.gif", indexed, "GIF", interlace=1)
    goldens.save("gif_clear.gif", indexed, "GIF", transparency=indexed.getpixel((0, 0)))
    goldens.add("gif_inset.gif", inset(indexed))
    goldens.save("gif_moving.gif", rgb, "GIF", save_all=True, append_images=frames, duration=100)


def add_tiffs(goldens):
    rgb = picture()
    clear = rgb.copy()
    clear.putalpha(alpha())
    for name, image, options in (
            ("rgb", rgb, {}), ("lzw", rgb, {"compression": "tiff_lzw"}),
            ("deflate", rgb, {"compression": "tiff_adobe_deflate"}),
            ("jpeg", rgb, {"compression": "jpeg"}), ("grey", rgb.convert("L"), {}),
            ("bits", rgb.convert("1"), {"compression": "group4"}),
            ("palette", rgb.quantize(50), {}), ("alpha", clear, {}),
            ("cmyk", rgb.convert("CMYK"), {}), ("16bit", Image.fromarray(sixteen(1)[..., 0]), {}),
            ("big", rgb, {"big_tiff": False}), ("turned", rgb, {"tiffinfo": {0x0112: 5}})):
        goldens.save(f"tiff_{name}.tif", image, "TIFF", **options)
    goldens.save("tiff_pages.tif", rgb, "TIFF", page=1, save_all=True,
                 append_images=[ImageOps.mirror(rgb.convert("L"))], compression="tiff_lzw")


def add_heifs(goldens):
    rgb = picture(64, 48)
    goldens.save("avif_444.avif", rgb, "AVIF", max_difference=2, mean_difference=0.6, quality=95,
                 subsampling="4:4:4")
    goldens.save("avif_420.avif", rgb, "AVIF", max_difference=100, mean_difference=3.0, quality=90)
    goldens.save("avif_turned.avif", rgb, "AVIF", max_difference=2, mean_difference=0.6, quality=95,
                 subsampling="4:4:4", exif=exif(6))
    pillow_heif.register_heif_opener()
    goldens.save("heic_444.heic", rgb, "HEIF", max_difference=2, mean_difference=0.6, quality=95,
                 chroma=444)
    goldens.save("heic_420.heic", rgb, "HEIF", max_difference=80, mean_difference=2.0, quality=90)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    goldens = Goldens(folder)
    add_jpegs(goldens)
    add_pngs(goldens)
    add_webps_and_gifs(goldens)
    add_tiffs(goldens)
    add_heifs(goldens)
    versions = {name: features.version(name) for name in ("pil", "jpg", "webp", "avif", "libtiff")}
    text = json.dumps({"versions": versions, "cases": goldens.entries}, indent=1)
    (folder / "images.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
