"""PNGs that lie, and PNGs whose chunks blow up."""

import functools
import struct
import zlib

from hostile.file import File, golden, replaced

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MEGABYTE = 1 << 20


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@functools.cache
def zeros(length: int) -> bytes:
    """`length` zeros, deflated."""
    pack = zlib.compressobj(9)
    parts = [pack.compress(bytes(min(MEGABYTE, length - at))) for at in range(0, length, MEGABYTE)]
    return b"".join(parts) + pack.flush()


def png(
    width: int, height: int, bits: int, colour: int, pixels: bytes, more: bytes = b"", interlaced: int = 0
) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    return SIGNATURE + chunk(b"IHDR", head) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def with_chunks(*chunks: bytes) -> bytes:
    """A good PNG with these before its pixels."""
    good = golden("png_rgb.png")
    return good[:33] + b"".join(chunks) + good[33:]


def lies():
    pixels = zlib.compress(bytes(64))
    for width, height in ((65535, 65535), (0, 0), (0, 37), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1), (100_000, 2)):
        yield File(f"png-size-{width}x{height}.png", png(width, height, 8, 2, pixels))
    yield File("png-100-megapixels-without-pixels.png", png(10_000, 10_000, 8, 2, pixels))
    for bits, colour in ((3, 2), (16, 3), (8, 9)):
        yield File(f"png-bits-{bits}-colour-{colour}.png", png(8, 8, bits, colour, pixels))
    good = golden("png_rgb.png")
    yield File("png-no-pixels.png", good[:33] + chunk(b"IEND", b""))
    yield File("png-palette-missing.png", png(8, 8, 8, 3, zlib.compress(bytes(72))))
    yield File("png-chunk-of-2-gigabytes.png", good[:33] + struct.pack(">I", 2**31 - 1) + b"tEXt" + good[33:])
    yield File("png-chunk-of-minus-1.png", good[:33] + struct.pack(">I", 2**32 - 1) + b"IDAT" + good[33:])
    yield File("png-wrong-crc.png", replaced(good, 29, b"\0\0\0\0"))
    yield File("png-filter-99.png", png(8, 8, 8, 0, zlib.compress(b"\x63" + bytes(8)) * 8))
    yield File("png-deflate-garbage.png", png(8, 8, 8, 0, b"\x78\xda" + b"\xff" * 99))


def bombs():
    ten = zeros(10 * MEGABYTE)
    hundred = zeros(100 * MEGABYTE)
    yield File("png-idat-100-megabytes-for-8x8.png", png(8, 8, 8, 0, hundred), "either")
    yield File("png-idat-bomb-of-huge-rows.png", png(65535, 2000, 16, 6, hundred))
    yield File("png-120-megapixels-of-zeros.png", png(60_000, 2000, 1, 0, zeros(2000 * 7501)), "seen")
    yield File("png-ztxt-bomb.png", with_chunks(chunk(b"zTXt", b"Comment\0\0" + hundred)), "seen")
    yield File("png-itxt-bomb.png", with_chunks(chunk(b"iTXt", b"Comment\0\1\0\0\0" + hundred)), "seen")
    yield File("png-iccp-bomb.png", with_chunks(chunk(b"iCCP", b"icc\0\0" + hundred)), "seen")
    yield File("png-ztxt-bomb-a-thousand-times.png", with_chunks(chunk(b"zTXt", b"Comment\0\0" + ten) * 1000), "seen")
    yield File(
        "png-icc-garbage.png", with_chunks(chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"\xde\xad\xbe\xef" * 64))), "seen"
    )
    yield File(
        "png-icc-says-4-gigabytes.png",
        with_chunks(
            chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"\xff\xff\xff\xff" + b"lcms\4\x30\0\0mntrRGB XYZ " + bytes(104)))
        ),
        "seen",
    )
    yield File("png-animated-million-frames.png", with_chunks(chunk(b"acTL", struct.pack(">II", 10**6, 0))), "seen")
    yield File(
        "png-500000-empty-idats.png",
        SIGNATURE + golden("png_rgb.png")[8:33] + chunk(b"IDAT", b"") * 500_000,
        "refused",
    )


def files():
    yield from lies()
    yield from bombs()
