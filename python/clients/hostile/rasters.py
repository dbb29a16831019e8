"""JPEGs, GIFs and WebPs that lie or loop."""

import struct

from hostile.file import File, after, golden, replaced
from hostile.pngs import MEGABYTE


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, 2 + len(data)) + data


def jpeg_with(*segments: bytes) -> bytes:
    """A good JPEG with these behind its first marker."""
    good = golden("jpeg_444.jpg")
    return good[:2] + b"".join(segments) + good[2:]


def jpeg_sized(width: int, height: int, name: str = "jpeg_444.jpg") -> bytes:
    good = golden(name)
    frame = b"\xff\xc2" if "progressive" in name else b"\xff\xc0"
    return replaced(good, after(good, frame) + 3, struct.pack(">HH", height, width))


def exif(entries: bytes, count: int, following: int = 0) -> bytes:
    """A TIFF of one directory, as EXIF has it."""
    return segment(0xE1, b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">H", count) + entries + struct.pack(">I", following))


def entry(tag: int, kind: int, count: int, value: int) -> bytes:
    return struct.pack(">HHII", tag, kind, count, value)


def progressive_scans(scans: int) -> bytes:
    """A few bytes a scan, each of which visits every block of a large picture."""
    picture = jpeg_sized(8000, 8000, "jpeg_progressive.jpg")
    scan = segment(0xDA, b"\1\1\0\1\x3f\0") + b"\0\0"
    return picture[:-2] + scan * scans + b"\xff\xd9"


def jpegs():
    good = golden("jpeg_444.jpg")
    frame = after(good, b"\xff\xc0")
    for width, height in ((65535, 65535), (0, 0), (65535, 2000)):
        yield File(f"jpeg-size-{width}x{height}.jpg", jpeg_sized(width, height))
    yield File("jpeg-no-components.jpg", replaced(good, frame + 7, b"\0"))
    yield File("jpeg-sampling-15.jpg", replaced(good, frame + 9, b"\xff"))
    yield File("jpeg-huffman-all-ones.jpg", replaced(good, after(good, b"\xff\xc4") + 3, b"\xff" * 16))
    yield File("jpeg-a-million-markers.jpg", good[:2] + b"\xff" * MEGABYTE + good[2:], "seen")
    yield File("jpeg-10000-comments.jpg", jpeg_with(segment(0xFE, b"x" * 60) * 10_000), "seen")
    yield File("jpeg-progressive-2000-scans.jpg", progressive_scans(2000))
    yield File("jpeg-exif-loop.jpg", jpeg_with(exif(entry(0x8769, 4, 1, 8), 1, 8)), "seen")
    yield File("jpeg-exif-4-billion-values.jpg", jpeg_with(exif(entry(0x9286, 7, 2**32 - 1, 8), 1)), "seen")
    yield File("jpeg-exif-65535-entries.jpg", jpeg_with(exif(entry(0x0112, 3, 1, 6 << 16), 65535)), "seen")
    yield File(
        "jpeg-exif-thumbnail-is-itself.jpg",
        jpeg_with(exif(b"", 0, 14) + exif(entry(0x0201, 4, 1, 0) + entry(0x0202, 4, 1, 2**32 - 1), 2)),
        "seen",
    )
    yield File("jpeg-icc-garbage.jpg", jpeg_with(segment(0xE2, b"ICC_PROFILE\0\1\1" + b"\xa5" * 500)), "seen")
    yield File(
        "jpeg-icc-255-parts.jpg",
        jpeg_with(*(segment(0xE2, b"ICC_PROFILE\0" + bytes([i, 255]) + bytes(65_000)) for i in range(1, 256))),
        "seen",
    )
    yield File(
        "jpeg-xmp-entities.jpg",
        jpeg_with(
            segment(
                0xE1,
                b"http://ns.adobe.com/xap/1.0/\0<!DOCTYPE l ["
                + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
                + b"]><x>&j;</x>",
            )
        ),
        "seen",
    )


DOT = b"\x2c\0\0\0\0\1\0\1\0\0\2\2\x4c\1\0"  # a frame of one pixel


def gif(width: int, height: int, frames: bytes) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frames + b";"


def gifs():
    good = golden("gif.gif")
    at = 13 + 3 * (2 << (good[10] & 7))
    frame = good.index(b"\x2c", at)
    control = b"\x21\xf9\4\4\0\0\0\0"
    yield File("gif-100000-frames.gif", gif(16, 16, DOT * 100_000), "either")
    yield File("gif-100000-frames-as-video.gif", gif(16, 16, DOT * 100_000), "either", True)
    yield File("gif-1000-frames-of-300x300.gif", gif(300, 300, DOT * 1000), "either", True)
    large = DOT[:5] + struct.pack("<HH", 4000, 4000) + DOT[9:]
    yield File("gif-frames-of-4000x4000.gif", gif(4000, 4000, large + DOT * 2), "either", True)
    yield File("gif-no-frames.gif", gif(16, 16, b""))
    yield File("gif-frame-of-65535x65535.gif", replaced(good, frame + 5, b"\xff" * 4))
    yield File("gif-frame-outside.gif", replaced(good, frame + 1, b"\xff\x7f\xff\x7f"), "either")
    yield File("gif-endless-code.gif", gif(1000, 1000, b"\x2c\0\0\0\0\xe8\3\xe8\3\0\2" + b"\xff\xff" * 99), "either")
    yield File(
        "gif-code-of-zeros.gif",
        gif(4000, 4000, b"\x2c\0\0\0\0\xa0\x0f\xa0\x0f\0\x08" + (b"\xff" + bytes(255)) * 999 + b"\0"),
        "either",
    )
    yield File("gif-no-delays.gif", gif(16, 16, (control + DOT) * 9), "either", True)


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    body = b"WEBP" + b"".join(
        kind + struct.pack("<I", len(data)) + data + bytes(len(data) & 1) for kind, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def three(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def canvas(width: int, height: int, flags: int) -> tuple[bytes, bytes]:
    return b"VP8X", bytes([flags, 0, 0, 0]) + three(width - 1) + three(height - 1)


def vp8_key_frame() -> bytes:
    """53 x 37 pixels; also a frame for videos."""
    good = golden("webp_lossy.webp")
    at = after(good, b"VP8 ")
    return good[at + 4 : at + 4 + struct.unpack_from("<I", good, at)[0]]


def vp8_sized(width: int, height: int) -> bytes:
    return replaced(vp8_key_frame(), 6, struct.pack("<HH", width, height))


def webp_frames(count: int, size: tuple[int, int], at: int = 0) -> list[tuple[bytes, bytes]]:
    key = vp8_key_frame()
    inner = b"VP8 " + struct.pack("<I", len(key)) + key + bytes(len(key) & 1)
    frame = three(at) * 2 + three(size[0] - 1) + three(size[1] - 1) + three(40) + b"\0" + inner
    return [(b"ANIM", bytes(6))] + [(b"ANMF", frame)] * count


def webps():
    key = vp8_key_frame()
    animated = 0x02
    for width, height in ((16383, 16383), (0, 0), (11_000, 11_000)):
        yield File(f"webp-size-{width}x{height}.webp", riff((b"VP8 ", vp8_sized(width, height))))
    yield File("webp-canvas-of-16-million.webp", riff(canvas(1 << 24, 1 << 24, 0), (b"VP8 ", key)))
    yield File(
        "webp-500-frames-as-video.webp", riff(canvas(53, 37, animated), *webp_frames(500, (53, 37))), "either", True
    )
    yield File("webp-frames-outside.webp", riff(canvas(53, 37, animated), *webp_frames(3, (53, 37), 999)), video=True)
    yield File(
        "webp-huge-canvas-small-frames.webp",
        riff(canvas(11_000, 11_000, animated), *webp_frames(30, (53, 37))),
        "either",
        True,
    )
    yield File("webp-no-frames.webp", riff(canvas(53, 37, animated), (b"ANIM", bytes(6))), video=True)
    yield File(
        "webp-alpha-garbage.webp", riff(canvas(53, 37, 0x10), (b"ALPH", b"\1" + b"\xff" * 99), (b"VP8 ", key)), "either"
    )
    yield File(
        "webp-30000-unknown-chunks.webp", riff(canvas(53, 37, 0), (b"VP8 ", key), *[(b"evil", b"")] * 30_000), "either"
    )


def files():
    yield from jpegs()
    yield from gifs()
    yield from webps()
