"""A corpus of broken, truncated, bomb-like and polyglot files, made by these scripts from small good
ones (tests/golden/decode) and from nothing. The same on every run.

    python3 -m hostile FOLDER     writes them all, to try other decoders with
"""

from collections.abc import Iterator

from hostile import documents, heif, mutations, pngs, rasters, texts, tiffs, videos
from hostile.file import File


def corpus() -> Iterator[File]:
    for part in (texts, pngs, rasters, tiffs, heif, documents, videos, mutations):
        yield from part.files()
