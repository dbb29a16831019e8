"""TIFFs: directories that loop, strips and tiles that lie."""

import struct

from hostile.file import File, golden
from hostile.pngs import MEGABYTE, zeros

WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 256, 257, 258, 259, 262
OFFSETS, SAMPLES, ROWS, COUNTS = 273, 277, 278, 279
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_COUNTS, ICC = 322, 323, 324, 325, 34675
LONG = 4


def directory(tags: dict[int, int | tuple[int, int]], following: int = 0) -> bytes:
    """Values are one LONG each, or (count, offset of LONGs)."""
    out = struct.pack("<H", len(tags))
    for tag, value in sorted(tags.items()):
        count, inline = value if isinstance(value, tuple) else (1, value)
        out += struct.pack("<HHII", tag, LONG, count, inline)
    return out + struct.pack("<I", following)


def tiff(tags: dict[int, int | tuple[int, int]], pixels: bytes = b"", following: int = 0) -> bytes:
    """One grey page whose pixels begin at byte 8, unless `tags` say otherwise."""
    plain = {
        WIDTH: 16,
        HEIGHT: 16,
        BITS: 8,
        COMPRESSION: 1,
        PHOTOMETRIC: 1,
        OFFSETS: 8,
        SAMPLES: 1,
        ROWS: 16,
        COUNTS: 256,
    }
    pixels = pixels or bytes(256)
    return b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels + directory({**plain, **tags}, following)


def tiled(
    width: int, height: int, tile: tuple[int, int], pixels: bytes = b"", compression: int = 1, tiles: int = 1
) -> bytes:
    pixels = pixels or bytes(256)
    counts = 8 + len(pixels)
    table = struct.pack("<I", 8) * tiles + struct.pack("<I", len(pixels)) * tiles
    many = tiles > 1
    tags = {
        WIDTH: width,
        HEIGHT: height,
        BITS: 8,
        COMPRESSION: compression,
        PHOTOMETRIC: 1,
        SAMPLES: 1,
        TILE_WIDTH: tile[0],
        TILE_HEIGHT: tile[1],
        TILE_OFFSETS: (tiles, counts) if many else 8,
        TILE_COUNTS: (tiles, counts + 4 * tiles) if many else len(pixels),
    }
    return b"II*\0" + struct.pack("<I", counts + len(table)) + pixels + table + directory(tags)


def chain(pages: int) -> bytes:
    """Directories of 6 bytes that follow each other and end in the first."""
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + b"".join(struct.pack("<HI", 0, 8 + 6 * ((i + 1) % pages)) for i in range(pages))
    )


def lies():
    for width, height in ((2**32 - 1, 2**32 - 1), (65535, 65535), (0, 0), (2**31, 1), (16, 2**31 - 1)):
        yield File(f"tiff-size-{width}x{height}.tif", tiff({WIDTH: width, HEIGHT: height}))
    good = tiff({})
    yield File("tiff-good.tif", good, "seen")
    yield File("tiff-strip-of-4-gigabytes.tif", tiff({COUNTS: 2**32 - 1}), "either")
    yield File("tiff-strip-outside.tif", tiff({OFFSETS: 2**32 - 9}))
    yield File("tiff-giant-strip.tif", tiff({WIDTH: 65_000, HEIGHT: 2000, ROWS: 2000, COUNTS: 256}))
    yield File("tiff-jpeg-without-tables.tif", tiff({COMPRESSION: 7}))
    yield File(
        "tiff-fax-of-zeros.tif", tiff({WIDTH: 20_000, HEIGHT: 5000, ROWS: 5000, BITS: 1, COMPRESSION: 4}), "either"
    )
    yield File("tiff-tile-of-65536x65536.tif", tiled(100, 100, (65536, 65536)))
    yield File("tiff-tiles-missing.tif", tiled(1600, 1600, (16, 16)))
    yield File("tiff-big-offset-outside.tif", b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63 - 9))


def loops():
    yield File("tiff-directory-follows-itself.tif", tiff({}, following=264), "seen")
    yield File("tiff-directories-in-a-ring.tif", chain(5))
    yield File("tiff-entry-of-4-billion-values.tif", tiff({OFFSETS: (2**32 - 1, 8)}), "either")
    yield File("tiff-icc-of-4-gigabytes.tif", tiff({ICC: (2**30 - 1, 8)}), "either")
    yield File("tiff-first-directory-outside.tif", b"MM\0*\xff\xff\xff\xff" + bytes(99))


def bombs():
    yield File(
        "tiff-deflate-bomb.tif",
        tiff({COMPRESSION: 8, COUNTS: len(zeros(100 * MEGABYTE))}, zeros(100 * MEGABYTE)),
        "either",
    )
    packed = zeros(60_000 * 500)
    yield File(
        "tiff-deflate-30-megapixels.tif",
        tiff({WIDTH: 60_000, HEIGHT: 500, ROWS: 500, COMPRESSION: 8, COUNTS: len(packed)}, packed),
        "seen",
    )
    yield File("tiff-tiles-all-the-same.tif", tiled(3200, 3200, (16, 16), zeros(256), 8, 40_000), "seen")
    yield File("tiff-100000-pages.tif", golden("tiff_pages.tif")[:8] + chain(100_000)[8:], "refused")


def files():
    yield from lies()
    yield from loops()
    yield from bombs()
