"""A 384-token Gemma-style vocabulary: byte fallback, spaces as U+2581, merges over whole text."""

import json

VOCAB_SIZE = 384
SPACE = "\u2581"

_COMMON = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "[multimodal]"]
_GEMMA4 = [
    "<|tool>", "<tool|>", "<|tool_call>", "<tool_call|>", "<|tool_response>", "<tool_response|>",
    '<|"|>', "<|think|>", "<|channel>", "<channel|>", "<|turn>", "<turn|>", "<|image>", "<image|>",
    "<|image|>", "<|video|>", "<|audio>", "<audio|>", "<|audio|>",
]
_GEMMA3 = ["<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>",
           "<image_soft_token>"]

_CHARACTERS = (["\n", "\t", SPACE] + list("etaoinshrdlcumwfgypbvkjxqz") + list("0123456789")
               + list(".,!?'\"-:;(){}[]<>|/_="))
# Pieces in order of merge rank; every one is a pair of earlier tokens.
_PIECES = [
    "\n\n", SPACE * 2, SPACE + "t", "he", "in", "er", "an", SPACE + "a", "re", "on", SPACE + "the",
    "en", "nd", "at", "or", "es", "is", "it", "ou", SPACE + "s", SPACE + "w", "ing", "ed",
    SPACE + "o", SPACE + "c", "al", "ar", SPACE + "f", SPACE + "and", "le", "us", "user", "mo",
    "de", "el", "model", "ll", "th", "ly", "st", "ver", "om", "ch", "sy", "em", "ent", "ter",
    "id", "ut", "ho", "ght", "ough", "gh", "pe", "ty", "me", "na", "va", "lu", "ue",
    "call", "qu", "ck", "ss", "tr", "ra", "co",
]


class ToyTokenizer:
    """Tokens by id, and what each file format wants to know of them."""

    def __init__(self, family: str):
        special = _COMMON + (_GEMMA4 if family == "gemma4" else _GEMMA3)
        bytes_ = [f"<0x{value:02X}>" for value in range(256)]
        plain = (_CHARACTERS + _reachable(_PIECES, _CHARACTERS))[: VOCAB_SIZE - len(special) - 256]
        unused = [f"<unused{i}>" for i in range(VOCAB_SIZE - len(special) - 256 - len(plain))]
        self.family = family
        self.special = special + unused
        self.tokens = self.special + bytes_ + plain
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        self.plain = plain
        self.merges = [(left, right) for piece in plain for left, right in _splits(piece, plain)]
        self.bos, self.eos, self.pad, self.unk = 2, 1, 0, 3
        end_of_turn = "<turn|>" if family == "gemma4" else "<end_of_turn>"
        self.stop = [self.eos, self.ids[end_of_turn]]
        if family == "gemma4":
            self.stop.append(self.ids["<|tool_response>"])

    def plain_ids(self) -> list[int]:
        return [self.ids[token] for token in self.plain]

    def tokenizer_json(self) -> str:
        added = [{"id": self.ids[token], "content": token, "single_word": False, "lstrip": False,
                  "rstrip": False, "normalized": False, "special": token != "[multimodal]"}
                 for token in self.special]
        document = {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": SPACE},
            "pre_tokenizer": {"type": "Split", "pattern": {"String": " "},
                              "behavior": "MergedWithPrevious", "invert": False},
            "post_processor": None,
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": SPACE}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"}]},
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>",
                      "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                      "vocab": self.ids, "merges": [list(pair) for pair in self.merges]},
        }
        return json.dumps(document, ensure_ascii=False)

    def tokenizer_config_json(self) -> str:
        config = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>",
                  "unk_token": "<unk>", "add_bos_token": self.family == "gemma3",
                  "padding_side": "left", "tokenizer_class": "PreTrainedTokenizerFast"}
        return json.dumps(config, indent=2)

    def gguf_types(self) -> list[int]:
        """GGUF token types: 1 normal, 2 unknown, 3 control, 4 user defined, 6 byte."""
        def of(token: str) -> int:
            if token.startswith("<0x"):
                return 6
            if token in self.special:
                return 4 if token in ('<|"|>', "<|channel>", "[multimodal]") else 3
            return 1
        return [of(token) for token in self.tokens]

    def gguf_scores(self) -> list[float]:
        """SentencePiece scores: the earlier the piece, the higher; specials as in Gemma's files."""
        scores = {token: -float(rank) for rank, token in enumerate(self.plain)}
        return [scores.get(token, 0.0 if token.startswith("<0x") else -1000.0)
                for token in self.tokens]


def _splits(piece: str, known: list[str]) -> list[tuple[str, str]]:
    earlier = set(known[: known.index(piece)])
    return [(piece[:i], piece[i:]) for i in range(1, len(piece))
            if piece[:i] in earlier and piece[i:] in earlier]


def _reachable(pieces: list[str], characters: list[str]) -> list[str]:
    """Adds nothing and drops what no pair of earlier tokens makes."""
    known = list(characters)
    for piece in pieces:
        known.append(piece)
        if not _splits(piece, known):
            known.pop()
    return known[len(characters):]
