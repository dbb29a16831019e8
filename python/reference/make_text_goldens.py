"""Golden token ids for src/text: texts of every kind with the ids of Hugging Face `tokenizers`.

    make_text_goldens.py --gemma4 VOCAB.gguf --gemma3 tokenizer.json
                         --out tests/golden/text/gemma.jsonl [--published VOCAB.inp VOCAB.out]

VOCAB.gguf carries the vocabulary of Gemma 4, from which a tokenizer.json is built: its merges equal
those of Gemma 3's published file, its added tokens are those of type control and user-defined.
One JSON object a line:
    text | hex       the text, or its bytes where they are not UTF-8
    times            the text is repeated so often (then ids are given as [count, FNV-1a] pairs)
    g4 g4_text       ids of Gemma 4 with special tokens parsed / kept as text
    g3 g3_text       the same for Gemma 3
An absent key equals: g4_text g4, g3 g4, g3_text g3.
"""

import argparse
import json
import random
import re
import unicodedata

from gguf import GGUFReader
from tokenizers import Tokenizer

MARK = "\u2581"
NORMALIZER = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
SPLIT = {
    "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False,
}
DECODER = {
    "type": "Sequence",
    "decoders": [
        {"type": "Replace", "pattern": {"String": MARK}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
    ],
}
ADDED_KINDS = (3, 4)  # control and user-defined in GGUF; in Gemma 4 all of them are special


def gemma4_json(path):
    fields = GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    kinds = fields["tokenizer.ggml.token_type"].contents()
    merges = fields["tokenizer.ggml.merges"].contents()
    added = [
        {"id": i, "content": t, "special": True, "normalized": False, "lstrip": False,
         "rstrip": False, "single_word": False}
        for i, (t, k) in enumerate(zip(tokens, kinds)) if k in ADDED_KINDS
    ]
    model = {
        "type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
        "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
        "vocab": {t: i for i, t in enumerate(tokens)}, "merges": [m.split(" ") for m in merges],
    }
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": NORMALIZER, "pre_tokenizer": SPLIT, "post_processor": None,
            "decoder": DECODER, "model": model}


def oracle(description, parse):
    tokenizer = Tokenizer.from_str(json.dumps(description))
    tokenizer.encode_special_tokens = not parse
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def without_markers(description):
    """Gemma 3 lists its reserved tokens as not special; as text they must not be found either."""
    marker = re.compile(r"<unused\d+>|<mask>|\[multimodal\]")
    kept = [t for t in description["added_tokens"] if not marker.fullmatch(t["content"])]
    return description | {"added_tokens": kept}


PUBLISHED = [
    "ied 4 ½ months", "Äpfel", "", " ", "  ", "   ", "\t", "\n", "\n\n", "\n\n\n", "\t\n",
    "Hello world", " Hello world", "Hello World", " Hello World", " Hello World!",
    "Hello, world!", " Hello, world!", " this is 🦙.cpp", "w048 7tuijk dsdfhu",
    "нещо на Български", "Hello", " Hello", "  Hello", "   Hello", "    Hello",
    "    Hello\n    Hello", " (", "\n =", "' era",
    "Hello, y'all! How are you 😁 ?我想在apple工作1314151天～", "!!!!!!", "3", "33", "333", "3333",
    "33333", "Cửa Việt", " discards", "The capital of France is",
]

HAND = [
    "<bos>", "<eos>", "<pad>", "<unk>", "<mask>", "[multimodal]", "a<bos>b", "<bos", "<<bos>>",
    "<bos><bos>", " <bos> ", "<bos>\n\n<eos>", "< bos >", "<BOS>", "<|turn>", "<turn|>",
    "<|turn>user\nHi<turn|>\n", "<|turn>model\n<|channel>thought\n<channel|>",
    "<|tool_call>call:f{a:<|\"|>x<|\"|>}<tool_call|>", "<|tool_response>", "<tool_response|>",
    "<|tool>", "<tool|>", "<|think|>", "<|image>", "<image|>", "<|image|>", "<|audio>",
    "<audio|>", "<|audio|>", "<|video|>", "<|\"|>", "<|turn", "|turn>", "<|turn|>",
    "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n", "<start_of_image>",
    "<end_of_image>", "<start_of_turn", "<unused0>", "<unused1>", "<unused12>", "<unused6241>",
    "<unused99999>", "x<unused7>y", "<table><tr><td>1</td></tr></table>", "<b>bold</b> <i>it</i>",
    "<h1>T</h1>\n<p>x</p>", "</s>", "<s>", "<a href=\"x\">y</a>", "<ul><li>a</li></ul>",
    "<code>x = 1</code>", "<strong>", "<blockquote>q", "<0x41>", "<0x0A>", "<0xFF>", "<0xe2>",
    "<0x", "\u2581", "\u2581\u2581", "\u2581\u2581\u2581the", "a\u2581b", " \u2581 ",
    "\u2581 \u2581", "  \u2581\u2581  ", "the \u2581the", "x\u2581\u2581y  z", "\r\n", "\r",
    "\r\n\r\n", "a\r\nb", "\0", "\x01\x02", "a\0b", "\x7f", "\u00a0", "a\u00a0b", "\u3000",
    "\u200b", "\u200d", "\ufeff", "\ufffd", "\ufffe", "\uffff", "\U0010ffff", "\U000e0001",
    "e\u0301", "\u0301", "ﬁ ﬂ", "ＡＢＣ", "½ ¼ ²", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "🇩", "❤️", "1️⃣",
    "🧑🏿‍🚀", "👩‍❤️‍💋‍👨", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "😀😃😄😁😆", "🦙🦙", "1234567890", "3.14159", "1,000,000", "0x1F",
    "1e-5", "١٢٣", "१२३", "don't", "I'm we'll", "it’s", "“quoted” — dash…", "C++", "a=b==c===d",
    "x->y::z", "int main() {\n\treturn 0;\n}\n",
    "def f(x):\n    if x:\n        return x + 1\n\n\nclass A:\n    pass\n",
    "SELECT * FROM t WHERE a='b';", "{\"a\": [1, 2, {\"b\": null}]}",
    "https://example.org/a?b=c&d=%20#e", "\\frac{a}{b} $x^2$", "| a | b |\n|---|---|\n| 1 | 2 |",
    "- item\n- item\n  - sub", "```python\nx\n```", "ÀÉÎÕÜ àéîõü ßẞ", "Ελληνικά κείμενο",
    "Русский текст", "日本語のテキスト", "中文文本，標點。", "한국어 텍스트", "النص العربي", "טקסט עברי", "हिन्दी पाठ",
    "ไทยข้อความ", "বাংলা লেখা", "தமிழ் உரை", "አማርኛ", "ქართული", "Հայերեն", "ខ្មែរ", "မြန်မာ",
    "සිංහල", "ລາວ", "བོད་ཡིག", "ᏣᎳᎩ", "ᐃᓄᒃᑎᑐᑦ", "𐍈𐌰𐌹𐍂𐌻", "𓀀𓀁", "𝔘𝔫𝔦", "ⵜⴰⵎ",
]

REPEATED = [
    ("a", 100000), (" ", 100000), ("\n", 100000), ("\t", 50000), ("😁", 20000), ("🦙", 20000),
    ("ab ", 30000), ("é", 30000), ("<", 30000), ("\n\t", 20000), ("\u2581 ", 20000), ("=", 50000),
    ("中", 30000), ("0", 50000), ("<b", 20000), ("<unused", 5000), ("\n ", 20000), ("aA", 20000),
    ("Hello world. ", 5000), ("\u0e01", 20000),
]


def scripts(rng):
    """Letters of every script, grouped by the first word of their Unicode names."""
    groups = {}
    for point in range(0x20, 0x323B0):
        name = unicodedata.name(chr(point), "")
        if name:
            groups.setdefault(name.split()[0], []).append(chr(point))
    for _, letters in sorted(groups.items()):
        if len(letters) < 8:
            continue
        yield "".join(rng.choice(letters) for _ in range(10))
        yield " ".join("".join(rng.choices(letters, k=rng.randint(1, 5))) for _ in range(4))


def whitespace(rng):
    for n in (4, 5, 15, 16, 29, 30, 31, 32, 33, 61, 62, 63, 64, 93):
        for unit in ("\n", " ", "\t"):
            yield unit * n
            yield "x" + unit * n + "y"
    for _ in range(150):
        units = ["\n", " ", "\t", "\r\n", MARK]
        runs = (rng.choice(units) * rng.randint(1, 35) for _ in range(rng.randint(1, 4)))
        yield rng.choice(["", "a", "}", "."]) + "".join(runs) + rng.choice(["", "b", "{", "<b>"])


def mixed(rng, count):
    pools = [
        "etaoinshrdlu", "etaoinshrdluETAOIN ", "abc \n", "0123456789.,-",
        "(){}[]<>;:=+-*/&|!\"'_ \n\t",
        "aeiouàéîõü ",
        "абвгдежзиклмнопрст ", "的一是不了人我在有他这", "あいうえおカキクケコ", "가나다라마바사 ", "😀😂🤣❤️👍🦙🔥",
        " ", "\n", "<>|/bosturn",
        "".join(chr(c) for c in range(1, 128)),
    ]
    for _ in range(count):
        chosen = rng.sample(pools, rng.randint(1, 3))
        yield "".join(rng.choice(rng.choice(chosen)) for _ in range(rng.randint(2, 60)))


def glued(rng, tokens, count):
    """Pieces of the vocabulary side by side, whole and cut: this is where merges compete."""
    for _ in range(count):
        parts = []
        for _ in range(rng.randint(2, 7)):
            piece = rng.choice(tokens).replace(MARK, " ")
            cut = rng.randint(0, len(piece)) if rng.random() < 0.3 else 0
            parts.append(piece[cut:])
        yield "".join(parts)


def broken(rng, count):
    yield from (
        b"\xff", b"\xc0\xaf", b"\xe2\x82", b"\xf0\x9f\xa6", b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80", b"a\x80b", b"\xe2\x82a", b"\xf0\x9f\x98\xe2\x82\xac",
        b"\xf8\x88\x80\x80\x80",
        b"\xc3", b"\xe0\x80\x80",
    )
    leads = [0x80, 0xBF, 0xC2, 0xE0, 0xE2, 0xED, 0xF0, 0xF4, 0xFF]
    for _ in range(count):
        data = bytearray("".join(mixed(rng, 1)).encode())
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.choice(leads)
        yield bytes(data)


def fnv(ids):
    value = 0xCBF29CE484222325
    for token in ids:
        for byte in token.to_bytes(4, "little"):
            value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return [len(ids), value]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--gemma4", required=True)
    arguments.add_argument("--gemma3", required=True)
    arguments.add_argument("--out", required=True)
    arguments.add_argument("--published", nargs=2)
    options = arguments.parse_args()
    rng = random.Random(4)
    four = gemma4_json(options.gemma4)
    with open(options.gemma3, encoding="utf-8") as file:
        three = json.load(file)
    encoders = {"g4": oracle(four, True), "g4_text": oracle(four, False), "g3": oracle(three, True),
                "g3_text": oracle(without_markers(three), False)}
    inherits = {"g4_text": "g4", "g3": "g4", "g3_text": "g3"}
    if options.published:
        with open(options.published[0], encoding="utf-8", newline="") as file:
            texts = file.read().split("\n__ggml_vocab_test__\n")
        with open(options.published[1], encoding="utf-8") as file:
            for text, line in zip(texts, file):
                assert encoders["g4"](text) == [int(i) for i in line.split()], text
    added = [t["content"] for d in (three, four) for t in d["added_tokens"]
             if t["content"] != "<image_soft_token>" and "unused" not in t["content"]]
    words = list(four["model"]["vocab"])
    texts = [
        *PUBLISHED, *HAND, *scripts(rng), *whitespace(rng), *mixed(rng, 700),
        *glued(rng, words, 700), *glued(rng, words[500:20000], 500),
        *glued(rng, added + words[500:4000], 300),
    ]
    cases = [{"text": t} for t in texts]
    cases += [{"hex": b.hex()} for b in broken(rng, 120)]
    cases += [{"text": t, "times": n} for t, n in REPEATED]
    with open(options.out, "w", encoding="utf-8") as out:
        for case in cases:
            if "hex" in case:
                text = bytes.fromhex(case["hex"]).decode("utf-8", "replace")
            else:
                text = case["text"]
            ids = {}
            for key, encode in encoders.items():
                ids[key] = encode(text * case.get("times", 1))
                if "times" in case:
                    ids[key] = fnv(ids[key])
                if key not in inherits or ids[key] != ids[inherits[key]]:
                    case[key] = ids[key]
            out.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
