"""PDFs: recursion, loops, bombs, and what a viewer would run."""

import zlib

from hostile.file import File
from hostile.pngs import MEGABYTE, zeros


def stream(dictionary: bytes, data: bytes) -> bytes:
    return b"<<%s /Length %d>> stream\n%s\nendstream" % (dictionary, len(data), data)


def pdf(
    page: bytes = b"",
    content: bytes = b"1 0 0 rg 0 0 72 72 re f",
    more: tuple[bytes, ...] = (),
    catalogue: bytes = b"",
    box: bytes = b"0 0 144 72",
    packing: bytes = b"",
) -> bytes:
    """One page; `more` are objects from 5 on. There is no table of places: readers look for the objects."""
    objects = (
        b"<</Type /Catalog /Pages 2 0 R %s>>" % catalogue,
        b"<</Type /Pages /Kids [3 0 R] /Count 1 /MediaBox [%s]>>" % box,
        b"<</Type /Page /Parent 2 0 R /Contents 4 0 R %s>>" % page,
        stream(packing, content),
        *more,
    )
    body = b"".join(b"%d 0 obj %s endobj\n" % (i, text) for i, text in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer <</Root 1 0 R>>\n"


def with_form(form: bytes, *more: bytes) -> bytes:
    """A page that draws object 5, a form that may draw itself as /F."""
    return pdf(b"/Resources <</XObject <</F 5 0 R>>>>", b"/F Do", (form, *more))


def form(content: bytes, inner: int = 5, size: bytes = b"0 0 144 72") -> bytes:
    return stream(
        b"/Type /XObject /Subtype /Form /BBox [%s] /Resources <</XObject <</F %d 0 R>>>>" % (size, inner), content
    )


def image(width: int, height: int, filters: bytes, data: bytes, more: bytes = b"") -> bytes:
    return with_form(
        stream(
            b"/Type /XObject /Subtype /Image /Width %d /Height %d /BitsPerComponent 8 /ColorSpace /DeviceGray "
            b"/Filter %s %s" % (width, height, filters, more),
            data,
        )
    )


def fan(depth: int) -> bytes:
    """Forms that each draw the next twice: 2 to the `depth` drawings."""
    forms = [form(b"/F Do /F Do", 6 + i) for i in range(depth)] + [form(b"0 0 9 9 re f")]
    return with_form(*forms)


def sizes():
    for name, box in (
        ("huge", b"0 0 1000000000 1000000000"),
        ("wide", b"0 0 14400 14400"),
        ("nothing", b"0 0 0 0"),
        ("backwards", b"99 99 -99 -99"),
        ("not-numbers", b"/a /b /c /d"),
        ("infinite", b"0 0 1e308 1e308"),
        ("of-32-bits", b"0 0 2147483648 4294967296"),
    ):
        yield File(f"pdf-page-{name}.pdf", pdf(box=box), "either")


def loops():
    yield File("pdf-good.pdf", pdf(), "seen")
    yield File("pdf-form-draws-itself.pdf", with_form(form(b"/F Do")), "either")
    yield File("pdf-pages-hold-themselves.pdf", pdf().replace(b"/Kids [3 0 R]", b"/Kids [2 0 R 2 0 R]"))
    table = b"xref\n0 1\n0000000000 65535 f \ntrailer <</Root 1 0 R /Size 9 /Prev %d>>\nstartxref\n%d\n%%%%EOF"
    good = pdf()
    yield File("pdf-table-follows-itself.pdf", good + table % (len(good), len(good)), "either")
    yield File(
        "pdf-table-of-billions.pdf",
        good + b"xref\n0 2147483647\n0000000000 65535 f \ntrailer <</Root 1 0 R /Size "
        b"2147483647>>\nstartxref\n%d\n%%%%EOF" % len(good),
        "either",
    )
    yield File("pdf-no-pages.pdf", good.replace(b"/Kids [3 0 R] /Count 1", b"/Kids [] /Count 0"))
    yield File(
        "pdf-pattern-paints-itself.pdf",
        pdf(
            b"/Resources <</Pattern <</P 5 0 R>>>>",
            b"/Pattern cs /P scn 0 0 99 99 re f",
            (
                stream(
                    b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 9 /YStep 9 "
                    b"/Resources <</Pattern <</P 5 0 R>>>>",
                    b"/Pattern cs /P scn 0 0 9 9 re f",
                ),
            ),
        ),
        "either",
    )
    yield File(
        "pdf-type-3-font-writes-itself.pdf",
        pdf(
            b"/Resources <</Font <</T 5 0 R>>>>",
            b"BT /T 9 Tf (a) Tj ET",
            (
                b"<</Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 "
                b"/LastChar 97 /Widths [9] /Encoding <</Differences [97 /a]>> /CharProcs <</a 6 0 R>> "
                b"/Resources <</Font <</T 5 0 R>>>>>>",
                stream(b"", b"9 0 d0 BT /T 9 Tf (a) Tj ET"),
            ),
        ),
        "either",
    )
    yield File("pdf-mask-of-itself.pdf", image(8, 8, b"[]", bytes(64), b"/SMask 5 0 R"), "either")


def deep():
    yield File("pdf-content-of-arrays.pdf", pdf(content=b"[" * 500_000), "either")
    yield File("pdf-100000-saved-states.pdf", pdf(content=b"q " * 100_000), "either")
    yield File("pdf-curves-without-end.pdf", pdf(content=b"0 0 m " + b"1 2 144 72 72 1 c " * 2000 + b"S"), "either")
    yield File(
        "pdf-function-that-loops.pdf",
        pdf(
            b"/Resources <</Shading <</S 5 0 R>>>>",
            b"/S sh",
            (
                b"<</ShadingType 1 /ColorSpace /DeviceGray /Function 6 0 R>>",
                stream(b"/FunctionType 4 /Domain [0 1 0 1] /Range [0 1]", b"{ " + b"{ " * 9999 + b"} " * 9999 + b"}"),
            ),
        ),
        "either",
    )
    yield File(
        "pdf-pattern-of-tiny-steps.pdf",
        pdf(
            b"/Resources <</Pattern <</P 5 0 R>>>>",
            b"/Pattern cs /P scn 0 0 144 72 re f",
            (
                stream(
                    b"/PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 0.5 /YStep 0.5 /Resources <<>>",
                    b"0 0 9 9 re f",
                ),
            ),
        ),
        "either",
    )


def bombs():
    much = zeros(30 * MEGABYTE)
    twice = zlib.compress(much, 9)
    yield File(
        "pdf-content-bomb-twice-packed.pdf",
        pdf(content=twice, packing=b"/Filter [/FlateDecode /FlateDecode]"),
        "either",
    )
    yield File("pdf-forms-2-to-the-14.pdf", fan(14), "either")
    yield File("pdf-image-of-a-billion.pdf", image(100_000, 100_000, b"/FlateDecode", much), "either")
    yield File(
        "pdf-image-jbig2-huge.pdf",
        image(9, 9, b"/JBIG2Decode", b"\0\0\0\0\x30\0\1\0\0\0\x13" + b"\x7f\xff\xff\xff" * 2 + bytes(11)),
        "either",
    )
    yield File(
        "pdf-run-length-bomb.pdf", pdf(content=b"\x81 " * 300_000, packing=b"/Filter /RunLengthDecode"), "either"
    )
    yield File(
        "pdf-predictor-of-billions.pdf",
        pdf(
            content=zlib.compress(bytes(64)),
            packing=(b"/Filter /FlateDecode /DecodeParms <</Predictor 15 /Colors 2147483647 /Columns 2147483647>>"),
        ),
        "either",
    )
    yield File(
        "pdf-font-garbage.pdf",
        pdf(
            b"/Resources <</Font <</T 5 0 R>>>>",
            b"BT /T 99 Tf (abc) Tj ET",
            (
                b"<</Type /Font /Subtype /TrueType /BaseFont /Evil /FontDescriptor 6 0 R>>",
                b"<</Type /FontDescriptor /FontName /Evil /FontFile2 7 0 R>>",
                stream(b"", b"\0\1\0\0\xff\xff" + b"\xa5" * 999),
            ),
        ),
        "either",
    )


def active():
    script = b"<</S /JavaScript /JS (app.alert\\(1\\); while\\(true\\);)>>"
    yield File("pdf-javascript.pdf", pdf(catalogue=b"/OpenAction " + script), "seen")
    yield File("pdf-launch.pdf", pdf(catalogue=b"/OpenAction <</S /Launch /F (/bin/sh)>>"), "seen")
    yield File(
        "pdf-embedded-file.pdf",
        pdf(
            catalogue=b"/Names <</EmbeddedFiles <</Names [(x) 5 0 R]>>>>",
            more=(
                b"<</Type /Filespec /F (x.exe) /EF <</F 6 0 R>>>>",
                stream(b"/Type /EmbeddedFile", b"MZ" + bytes(99)),
            ),
        ),
        "seen",
    )
    yield File(
        "pdf-stream-in-a-file.pdf", with_form(stream(b"/F (/etc/passwd) /Subtype /Form /BBox [0 0 9 9]", b"")), "either"
    )
    yield File(
        "pdf-reference-to-a-file.pdf",
        with_form(stream(b"/Subtype /Form /BBox [0 0 9 9] /Ref <</F (/etc/passwd) /Page 0>>", b"0 0 9 9 re f")),
        "either",
    )
    yield File(
        "pdf-form-fields-of-xml.pdf",
        pdf(
            catalogue=b"/AcroForm <</XFA 5 0 R>>",
            more=(stream(b"", b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xdp>&f;</xdp>'),),
        ),
        "seen",
    )
    yield File(
        "pdf-encrypted.pdf",
        pdf().replace(
            b"trailer <<",
            b"trailer <</Encrypt <</Filter /Standard /V 1 /R 2 /P -4 /O (%s) /U "
            b"(%s)>> /ID [(a) (b)] " % (b"o" * 32, b"u" * 32),
        ),
    )
    yield File("pdf-binary-behind-head.pdf", b"%PDF-1.7\n" + bytes(range(256)) * 99)


def files():
    for part in (sizes, loops, deep, bombs, active):
        yield from part()
