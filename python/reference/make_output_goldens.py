"""Writes tests/golden/chat/gemma4_outputs.jsonl: answers of the model and what transformers reads
in them.

Run: python python/reference/make_output_goldens.py
Needs jinja2 3.1 and transformers 5.23 (its parser of responses). The answers are what the published
template prints of assistant messages; the response template is the one that transformers'
convert_gemma4_weights.py stores with the tokenizer. Only what that parser can read is made: names
and keys of letters, no text that spells a control token, one thought, one run of text.

One case a line: {"p": end of the prompt, "a": answer, "x": {"thinking", "content", "calls"}}.
"""

import json

import make_chat_goldens as chat
from transformers.utils.chat_parsing import parse_response

TEMPLATE = {
    "defaults": {"role": "assistant"},
    "start_anchor": ["<|turn>model\n", "<tool_response|>"],
    "fields": {
        "thinking": {"open": "<|channel>thought\n", "close": "<channel|>", "content": "text"},
        "tool_calls": {
            "open_pattern": r"<\|tool_call>call:(?P<name>\w+)",
            "close": "<tool_call|>",
            "repeats": True,
            "content": "json",
            "content_args": {"unquoted_keys": True, "string_delims": [['<|"|>', '<|"|>']]},
            "transform": {
                "type": "function",
                "function": {"name": "{name}", "arguments": "{content}"},
            },
        },
        "content": {"close": ["<turn|>", "<|tool_response>", "<eos>"], "content": "text"},
    },
}
NUMBERS = [0, 1, -3, 42, 2**53, 0.5, 1.0, 1e20, 1e16, 123456.75, 1e-05, 2.5e-07, 3.14, -0.25]


class Maker(chat.Maker):
    def text(self, most=3):
        return " ".join(self.pick(chat.WORDS) for _ in range(self.random.randint(0, most)))

    def key(self):
        return self.pick(chat.PLAIN_KEYS + ["é", "key_2", "名"])

    def scalar(self):
        return self.pick([self.text(2), self.pick(NUMBERS), True, False, None])

    def call(self, index):
        name = self.pick(["f", "get_weather", "näh", "x1"])
        return {"id": f"c{index}", "function": {"name": name, "arguments": self.mapping(3)}}


def model_turn(template, message):
    """What the template prints of an assistant message, behind the opening of its turn."""
    printed = template.render(
        messages=[{"role": "user", "content": "x"}, message], bos_token="<bos>",
    )
    return printed.split("<|turn>model\n", 1)[1]


def make(maker, template):
    prompt = maker.pick(
        [
            "<|turn>model\n",
            "<|turn>model\n<|channel>thought\n<channel|>",
            '<|turn>model\n<|tool_call>call:f{}<tool_call|><|tool_response>response:f{value:<|"|>'
            'x<|"|>}<tool_response|><|channel>thought\n',
        ]
    )
    answer = ""
    thought = maker.text().strip()
    if prompt.endswith("thought\n"):
        answer = thought + "\n<channel|>"
    elif thought and maker.chance(0.6):
        answer = model_turn(template, {"role": "assistant", "reasoning": thought, "content": "y"})
        answer = answer.removesuffix("y<turn|>\n")
    if maker.chance(0.6):
        answer += maker.text()
    calls = [maker.call(i) for i in range(maker.random.choice([0, 1, 1, 2, 3]))]
    if calls:
        answer += model_turn(template, {"role": "assistant", "tool_calls": calls})
    else:
        answer += maker.pick(["<turn|>", "<eos>", ""])
    read = parse_response(answer, TEMPLATE, prefix=prompt)
    return {
        "p": prompt,
        "a": answer,
        "x": {
            "thinking": read.get("thinking", ""),
            "content": read.get("content", ""),
            "calls": [c["function"] for c in read.get("tool_calls", [])],
        },
    }


def main():
    source = (chat.GOLDEN / "gemma4_chat_template.jinja").read_text(encoding="utf-8")
    template = chat.environment().from_string(source)
    with open(chat.GOLDEN / "gemma4_outputs.jsonl", "w", encoding="utf-8", newline="\n") as file:
        for seed in range(600):
            case = make(Maker(seed), template)
            file.write(json.dumps(case, ensure_ascii=False, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
