"""Writes src/chat/case_table.h: the one-to-one case mappings of Python's str.lower and str.upper.

Run: python3 python/reference/make_case_table.py > src/chat/case_table.h
Written with Python 3.11 (Unicode 14). ASCII is left out: the caller maps it without a table.
"""


def ranges(convert):
    """[first, last, stride, delta]: neighbours (or every second one) that move by the same delta."""
    out = []
    for code in range(0x80, 0x110000):
        if 0xD800 <= code < 0xE000:
            continue
        mapped = convert(chr(code))
        if len(mapped) != 1 or ord(mapped) == code:
            continue
        delta = ord(mapped) - code
        if out and out[-1][3] == delta:
            first, last, stride, _ = out[-1]
            step = code - last
            if step == stride or (first == last and step in (1, 2)):
                out[-1] = [first, code, step, delta]
                continue
        out.append([code, code, 1, delta])
    return out


def show(name, rows):
    print(f"inline constexpr CaseRange {name}[] = {{")
    line = "   "
    for first, last, stride, delta in rows:
        item = f" {{{first:#x}, {last:#x}, {stride}, {delta}}},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("};\n")


def main():
    print(
        "// Written by python/reference/make_case_table.py from Python 3.11 (Unicode 14); ascending."
    )
    print("#pragma once\n\n#include <cstdint>\n\nnamespace g4::chat {\n")
    print("// clang-format off")
    print("// Every `stride`-th code point from `first` to `last` maps to itself plus `delta`.")
    print("struct CaseRange { char32_t first, last, stride; std::int32_t delta; };\n")
    show("kLowerRanges", ranges(str.lower))
    show("kUpperRanges", ranges(str.upper))
    print("// clang-format on\n\n}  // namespace g4::chat")


if __name__ == "__main__":
    main()
