#!/usr/bin/env python3
"""Holds every #include under src/ to the room map in CMakeLists.txt, and every file to its length.

A room may include itself, the rooms it USES and those that they use. Each run first checks itself
on a small tree with planted violations, so that this test can fail.

    layers.py ROOT
"""

import pathlib
import re
import sys
import tempfile

LINES_MAX = 800  # usual is 400; beyond this a file has more than one job
SOURCES = {".h", ".cpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def read_rooms(cmake: str) -> dict[str, set[str]]:
    """room -> rooms it may include, from the room(NAME USES ... LINKS ...) lines, bottom-up."""
    text = re.sub(r"#[^\n]*", "", cmake)
    allowed: dict[str, set[str]] = {}
    for name, rest in re.findall(r"(?<![\w.])room\(\s*(\w+)([^)]*)\)", text):
        words = re.search(r"\bUSES\b(.*?)(?=\bLINKS\b|$)", rest, re.DOTALL)
        reachable = {name}
        for used in words.group(1).split() if words else []:
            if used not in allowed:
                raise SystemExit(f"CMakeLists.txt: room '{name}' uses '{used}', not listed above it")
            reachable |= allowed[used]
        allowed[name] = reachable
    return allowed


def include_faults(where: str, room: str, lines: list[str], src: pathlib.Path,
                   allowed: dict[str, set[str]]) -> list[str]:
    faults = []
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match.group(1)
        first = target.split("/")[0]
        if first not in allowed or not (src / target).is_file():
            faults.append(f'{where}:{number}: include "{target}" is no file of a room; '
                          'write "room/file.h", as seen from src/')
        elif first not in allowed[room]:
            faults.append(f"{where}:{number}: room '{room}' may not include '{first}/'")
    return faults


def length_faults(where: str, lines: list[str]) -> list[str]:
    faults = []
    if len(lines) > LINES_MAX:
        faults.append(f"{where}: {len(lines)} lines, at most {LINES_MAX}: split it")
    return faults


def check(root: pathlib.Path) -> tuple[list[str], int]:
    allowed = read_rooms((root / "CMakeLists.txt").read_text())
    src = root / "src"
    faults, count = [], 0
    for path in sorted(p for p in src.rglob("*") if p.suffix in SOURCES):
        where = path.relative_to(root).as_posix()
        room = path.relative_to(src).parts[0]
        if room not in allowed:
            faults.append(f"{where}: '{room}' is no room of CMakeLists.txt")
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        faults += include_faults(where, room, lines, src, allowed)
        faults += length_faults(where, lines)
        count += 1
    for path in sorted((root / "fuzz").glob("*.cpp")):
        room = path.name.split("_")[0]
        where = path.relative_to(root).as_posix()
        if room not in allowed:
            faults.append(f"{where}: a fuzz target is named after its room")
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        faults += include_faults(where, room, lines, src, allowed) + length_faults(where, lines)
        count += 1
    return faults, count


PLANTED = {
    "CMakeLists.txt": "# The map\nroom(base LINKS fmt::fmt)\nroom(tensor USES base)\n"
                      "room(model\n  USES tensor\n  LINKS x::y)\nroom(engine USES base)\n",
    "src/base/result.h": "#pragma once\n",
    "src/engine/engine.h": '#include "base/result.h"\n',
    "src/tensor/x.h": '#pragma once\n#include <vector>\n#include "engine/engine.h"\n',
    "src/model/fine.cpp": '#include "base/result.h"\n#include "tensor/x.h"\n',
    "src/model/bad.cpp": '#include "tensor/missing.h"\n',
    "src/base/long.cpp": "\n" * (LINES_MAX + 1),
    "src/attic/old.h": "\n",
    "fuzz/base_thing_fuzz.cpp": '#include "tensor/x.h"\n',
}
EXPECTED = [
    "src/attic/old.h: 'attic' is no room of CMakeLists.txt",
    f"src/base/long.cpp: {LINES_MAX + 1} lines, at most {LINES_MAX}: split it",
    'src/model/bad.cpp:1: include "tensor/missing.h" is no file of a room; '
    'write "room/file.h", as seen from src/',
    "src/tensor/x.h:3: room 'tensor' may not include 'engine/'",
    "fuzz/base_thing_fuzz.cpp:1: room 'base' may not include 'tensor/'",
]


def check_the_check() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in PLANTED.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        found, _ = check(root)
    if found != EXPECTED:
        raise SystemExit("layers.py no longer finds what was planted; found:\n" + "\n".join(found))


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit("usage: layers.py ROOT")
    check_the_check()
    faults, count = check(pathlib.Path(sys.argv[1]))
    for fault in faults:
        print(fault)
    print(f"{count} files, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
