"""Videos: boxes that lie, tables of billions, sizes that change, containers in themselves."""

import struct

from hostile.file import File, after, golden, replaced
from hostile.heif import box, nested
from hostile.pngs import MEGABYTE, zeros
from hostile.rasters import vp8_key_frame, vp8_sized

# --- Matroska, written from nothing.


def element(name: int, data: bytes) -> bytes:
    length = (name.bit_length() + 7) // 8
    return name.to_bytes(length, "big") + (len(data) | 1 << 56).to_bytes(8, "big") + data


def number(name: int, value: int) -> bytes:
    return element(name, value.to_bytes(8, "big"))


EBML, SEGMENT, INFO, TRACKS, TRACK, VIDEO, CLUSTER, SIMPLE_BLOCK = (
    0x1A45DFA3,
    0x18538067,
    0x1549A966,
    0x1654AE6B,
    0xAE,
    0xE0,
    0x1F43B675,
    0xA3,
)


def block(time: int, frame: bytes, flags: int = 0x80) -> bytes:
    return element(SIMPLE_BLOCK, b"\x81" + struct.pack(">hB", time, flags) + frame)


def webm(
    clusters: bytes,
    size: tuple[int, int] = (53, 37),
    codec: bytes = b"V_VP8",
    track: bytes = b"",
    info: bytes = b"",
    segment: bytes = b"",
) -> bytes:
    head = element(EBML, element(0x4282, b"webm"))
    about = number(0x2AD7B1, 1_000_000) + info
    video = element(VIDEO, number(0xB0, size[0]) + number(0xBA, size[1]))
    tracks = element(
        TRACK, number(0xD7, 1) + number(0x73C5, 1) + number(0x83, 1) + element(0x86, codec) + video + track
    )
    return head + element(SEGMENT, element(INFO, about) + element(TRACKS, tracks) + segment + clusters)


def cluster(blocks: bytes, time: int = 0) -> bytes:
    return element(CLUSTER, number(0xE7, time) + blocks)


def clip(frames: list[bytes], gap: int = 40) -> bytes:
    return cluster(b"".join(block(i * gap, frame) for i, frame in enumerate(frames)))


def matroskas():
    key = vp8_key_frame()
    good = clip([key] * 9)
    larger = vp8_sized(106, 74)
    yield File("webm-good.webm", webm(good), "seen", True)
    yield File("webm-size-changes.webm", webm(clip([key] * 4 + [larger] * 4)), "either", True)
    for width, height in ((65535, 65535), (0, 0), (2**63 - 1, 1)):
        yield File(f"webm-size-{width}x{height}.webm", webm(good, (width, height)), "either", True)
    yield File(
        "webm-frames-of-16383x16383.webm", webm(clip([vp8_sized(16383, 16383)] * 9), (16383, 16383)), "refused", True
    )
    yield File("webm-frames-of-3000x3000.webm", webm(clip([vp8_sized(3000, 3000)] * 9), (3000, 3000)), "either", True)
    yield File(
        "webm-60000-tiny-frames.webm",
        webm(b"".join(cluster(block(0, b"\x30") * 1000, i * 40) for i in range(60))),
        "either",
        True,
    )
    yield File("webm-400000-empty-frames.webm", webm(cluster(block(0, b"") * 400_000)), "either", True)
    yield File("webm-duration-absurd.webm", webm(good, info=element(0x4489, struct.pack(">d", 1e300))), "seen", True)
    yield File("webm-a-billion-frames-a-second.webm", webm(good, track=number(0x23E383, 1)), "either", True)
    yield File("webm-times-jump-millennia.webm", webm(clip([key]) + cluster(block(0, key), 2**62)), video=True)
    yield File("webm-lacing-lies.webm", webm(cluster(block(0, b"\xff" * 300 + key, 0x82) * 9)), "either", True)
    yield File(
        "webm-packed-bomb.webm",
        webm(
            cluster(block(0, zeros(100 * MEGABYTE)) * 3),
            track=element(
                0x6D80, element(0x6240, number(0x5031, 0) + number(0x5032, 1) + element(0x5034, number(0x4254, 0)))
            ),
        ),
        "refused",
        True,
    )
    yield File("webm-codec-unknown.webm", webm(good, codec=b"V_EVIL"), video=True)
    yield File("webm-codec-mjpeg.webm", webm(clip([golden("jpeg_444.jpg")] * 9), codec=b"V_MJPEG"), video=True)
    tags = b""
    for _ in range(500):
        tags = element(0x67C8, element(0x45A3, b"x") + tags)
    yield File("webm-tags-in-tags.webm", webm(good, segment=element(0x1254C367, element(0x7373, tags))), "either", True)
    yield File("webm-head-of-exabytes.webm", EBML.to_bytes(4, "big") + b"\x01\xff\xff\xff\xff\xff\xff\xfe", video=True)
    yield File("webm-no-frames.webm", webm(b""), video=True)


# --- MP4, a good one with its boxes changed.


def mp4_with(kind: bytes, at: int, new: bytes, name: str = "video_h264.mp4") -> bytes:
    """`new` at byte `at` of the content of the first box of this kind."""
    good = golden(name)
    return replaced(good, after(good, kind) + at, new)


def with_moov(moov: bytes) -> bytes:
    return box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + moov + box(b"mdat", bytes(64))


def fragments(count: int) -> bytes:
    good = golden("video_h264.mp4")
    head = box(b"mfhd", struct.pack(">II", 0, 1))
    run = box(b"traf", box(b"tfhd", struct.pack(">II", 0, 1)) + box(b"trun", struct.pack(">II", 0, 2**32 - 1)))
    return good + box(b"moof", head + run) * count


def mp4s():
    big = struct.pack(">I", 2**32 - 1)
    yield File("mp4-frame-size-65535x65535.mp4", mp4_with(b"avc1", 24, b"\xff" * 4), "either", True)
    yield File("mp4-sample-table-of-billions.mp4", mp4_with(b"stsz", 8, big), video=True)
    yield File("mp4-samples-of-one-byte-billions.mp4", mp4_with(b"stsz", 4, b"\0\0\0\1" + big), video=True)
    yield File("mp4-chunks-billions.mp4", mp4_with(b"stco", 4, big), video=True)
    yield File("mp4-times-billions.mp4", mp4_with(b"stts", 4, big), "either", True)
    yield File("mp4-time-scale-0.mp4", mp4_with(b"mdhd", 12, bytes(4)), "either", True)
    yield File("mp4-duration-136-years.mp4", mp4_with(b"mdhd", 16, big), "either", True)
    yield File("mp4-codec-evil.mp4", golden("video_h264.mp4").replace(b"avc1", b"evil"), video=True)
    yield File("mp4-codec-set-up-garbage.mp4", mp4_with(b"avcC", 0, b"\xff" * 24), "either", True)
    yield File("mp4-data-in-a-file.mp4", mp4_with(b"dref", 8, b"\0\0\0\x0calis\0\0\0\0"), "either", True)
    yield File(
        "mp4-data-at-an-address.mp4", golden("video_h264.mp4").replace(b"url \0\0\0\1", b"url \0\0\0\0"), "either", True
    )
    yield File(
        "mp4-moov-of-0-bytes.mp4",
        replaced(golden("video_h264.mp4"), golden("video_h264.mp4").index(b"moov") - 4, bytes(4)),
        "either",
        True,
    )
    yield File("mp4-boxes-in-boxes.mp4", with_moov(nested(b"moov", 9000)), video=True)
    yield File("mp4-5000-tracks.mp4", with_moov(box(b"moov", box(b"trak", box(b"mdia", b"")) * 5000)), video=True)
    yield File(
        "mp4-packed-moov-bomb.mp4",
        with_moov(
            box(
                b"moov",
                box(
                    b"cmov",
                    box(b"dcom", b"zlib") + box(b"cmvd", struct.pack(">I", 100 * MEGABYTE) + zeros(100 * MEGABYTE)),
                ),
            )
        ),
        video=True,
    )
    yield File("mp4-3000-fragments.mp4", fragments(3000), "either", True)
    yield File("mp4-200000-free-boxes.mp4", box(b"ftyp", b"isom\0\0\2\0isom") + box(b"free", b"") * 200_000, video=True)
    yield File("hevc-codec-set-up-garbage.mp4", mp4_with(b"hvcC", 22, b"\xff" * 60, "video_hevc.mp4"), "either", True)
    matrix = struct.pack(">9i", *[2**31 - 1] * 9)
    yield File("mp4-turned-by-garbage.mp4", mp4_with(b"tkhd", 40, matrix), "either", True)


# --- AVI.


def avis():
    good = golden("video_mpeg4.avi")
    stream, picture = after(good, b"strh") + 4, after(good, b"strf") + 4
    big = b"\xff" * 4
    yield File("avi-rate-0.avi", replaced(good, stream + 20, bytes(8)), "either", True)
    yield File("avi-a-frame-in-136-years.avi", replaced(good, stream + 20, big + b"\1\0\0\0"), video=True)
    yield File(
        "avi-frame-size-negative.avi",
        replaced(good, picture + 4, struct.pack("<ii", -(2**31), -(2**31))),
        "either",
        True,
    )
    yield File("avi-codec-evil.avi", replaced(good, picture + 16, b"EVIL"), video=True)
    yield File("avi-lists-in-lists.avi", b"RIFF\xff\xff\xff\0AVI " + b"LIST\xff\xff\xff\0hdrl" * 50_000, video=True)
    yield File(
        "avi-10000-streams.avi",
        good[:12]
        + b"LIST\xff\xff\xff\0hdrl"
        + good[good.index(b"avih") : stream - 8]
        + (b"LIST\x4c\0\0\0strl" + good[stream - 8 : stream + 64]) * 10_000,
        video=True,
    )
    index = after(good, b"idx1") + 4
    yield File("avi-index-garbage.avi", good[:index] + b"\xff" * (len(good) - index), "either", True)
    yield File(
        "avi-a-million-empty-frames.avi", good[: after(good, b"movi")] + b"00dc\0\0\0\0" * 1_000_000, "either", True
    )


def files():
    yield from matroskas()
    yield from mp4s()
    yield from avis()
