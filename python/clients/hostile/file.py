"""One file of the corpus, and what the others are made with."""

from dataclasses import dataclass
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[3] / "tests/golden/decode"


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


@dataclass(frozen=True)
class File:
    name: str
    data: bytes
    expect: str = "refused"  # or "seen"; "either" where libraries may differ
    video: bool = False  # sent as a video_url


class Random:
    """The same numbers everywhere, whatever Python's version."""

    def __init__(self, seed: int):
        self.state = seed

    def below(self, limit: int) -> int:
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit


def replaced(data: bytes, at: int, new: bytes) -> bytes:
    assert 0 <= at <= len(data) - len(new)
    return data[:at] + new + data[at + len(new) :]


def after(data: bytes, mark: bytes) -> int:
    """Where what follows the first `mark` begins."""
    return data.index(mark) + len(mark)
