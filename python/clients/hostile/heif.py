"""AVIF and HEIC: boxes that lie, items that are made of themselves."""

import struct

from hostile.file import File, after, golden, replaced


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", 8 + len(data)) + kind + data


def full_box(kind: bytes, data: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags) + data)


def nested(kind: bytes, depth: int) -> bytes:
    data = b""
    for _ in range(depth):
        data = box(kind, data)
    return data


def payload_of(file: bytes) -> bytes:
    return file[after(file, b"mdat") :]


def properties_of(file: bytes) -> bytes:
    """The content of `ipco`: the codec's set-up and the size among them."""
    at = after(file, b"ipco")
    return file[at : at + struct.unpack_from(">I", file, at - 8)[0] - 8]


def grid(rows: int, columns: int, size: tuple[int, int], tiles: list[int], kind: bytes = b"grid") -> bytes:
    """An AVIF whose picture, item 2, is put together from `tiles`; item 1 is a real one of 64 x 48."""
    good = golden("avif_420.avif")
    coded = payload_of(good)
    properties = properties_of(good)
    count = 0
    at = 0
    while at < len(properties):
        at += struct.unpack_from(">I", properties, at)[0]
        count += 1
    whole = box(b"ispe", struct.pack(">III", 0, *size))
    layout = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, *size)
    if kind == b"iovl":
        layout = struct.pack(">BB4HII", 0, 1, 0, 0, 0, 0, *size) + struct.pack(">ii", 0, 0) * len(tiles)
    items = b"".join(
        full_box(b"infe", struct.pack(">HH", i, 0) + name + b"\0", 2) for i, name in ((1, b"av01"), (2, kind))
    )

    def meta(first: int) -> bytes:
        places = b"".join(
            struct.pack(">HHHII", i, 0, 1, start, length)
            for i, start, length in ((1, first, len(coded)), (2, first + len(coded), len(layout)))
        )
        uses = (
            struct.pack(">I", 2)
            + struct.pack(">HB", 1, count)
            + bytes(range(1, count + 1))
            + struct.pack(">HBB", 2, 1, count + 1)
        )
        return full_box(
            b"meta",
            b"".join(
                (
                    full_box(b"hdlr", b"\0\0\0\0pict" + bytes(13)),
                    full_box(b"pitm", struct.pack(">H", 2)),
                    full_box(b"iinf", struct.pack(">H", 2) + items),
                    full_box(b"iloc", b"\x44\0" + struct.pack(">H", 2) + places),
                    box(b"iprp", box(b"ipco", properties + whole) + full_box(b"ipma", uses)),
                    full_box(
                        b"iref",
                        box(
                            b"dimg",
                            struct.pack(">HH", 2, len(tiles)) + b"".join(struct.pack(">H", tile) for tile in tiles),
                        ),
                    ),
                )
            ),
        )

    head = box(b"ftyp", b"avif\0\0\0\0mif1avifmiaf")
    return head + meta(len(head) + len(meta(0)) + 8) + box(b"mdat", coded + layout)


def files():
    avif, heic = golden("avif_420.avif"), golden("heic_420.heic")
    for name, good in (("avif", avif), ("heic", heic)):
        size = after(good, b"ispe") + 4
        for width, height in ((65535, 65535), (0, 0), (2**32 - 1, 2**32 - 1), (11_000, 11_000)):
            yield File(
                f"{name}-size-{width}x{height}.{name}",
                replaced(good, size, struct.pack(">II", width, height)),
                "either",
            )
        places = after(good, b"iloc")
        yield File(f"{name}-65535-places.{name}", replaced(good, places + 6, b"\xff\xff"))
        yield File(f"{name}-65535-items.{name}", replaced(good, after(good, b"iinf") + 4, b"\xff\xff"), "either")
        yield File(f"{name}-no-primary-item.{name}", replaced(good, after(good, b"pitm") + 4, b"\x7f\xff"))
        yield File(f"{name}-meta-of-4-gigabytes.{name}", replaced(good, good.index(b"meta") - 4, b"\xff" * 4))
        yield File(f"{name}-meta-of-0-bytes.{name}", replaced(good, good.index(b"meta") - 4, bytes(4)), "either")
        yield File(f"{name}-meta-of-1-byte.{name}", replaced(good, good.index(b"meta") - 4, b"\0\0\0\1"))
    yield File("avif-codec-set-up-garbage.avif", replaced(avif, after(avif, b"av1C"), b"\xff" * 4), "either")
    yield File("heic-codec-set-up-garbage.heic", replaced(heic, after(heic, b"hvcC") + 20, b"\xff" * 40))
    yield File("avif-pixels-zeroed.avif", avif[: after(avif, b"mdat")] + bytes(len(payload_of(avif))))
    yield File("heic-pixels-zeroed.heic", heic[: after(heic, b"mdat")] + bytes(len(payload_of(heic))), "either")
    yield File("heif-boxes-in-boxes.heic", box(b"ftyp", b"heic\0\0\0\0mif1heic") + nested(b"meta", 9000))
    yield File("avif-grid-good.avif", grid(2, 2, (128, 96), [1] * 4), "seen")
    yield File("avif-grid-of-itself.avif", grid(1, 2, (128, 48), [2, 2]))
    yield File("avif-grid-of-missing-tiles.avif", grid(2, 2, (128, 96), [1, 7, 8, 9]))
    yield File("avif-grid-of-another-size.avif", grid(2, 2, (4000, 4000), [1] * 4), "either")
    yield File("avif-grid-too-large.avif", grid(256, 256, (16384, 12288), [1] * 65535))
    yield File("avif-grid-of-400-times-the-same.avif", grid(20, 20, (1280, 960), [1] * 400), "either")
    yield File("avif-overlay-of-itself.avif", grid(1, 1, (64, 48), [2], b"iovl"))
