"""Writes tests/golden/chat/*.jsonl: random conversations and what the published templates print.

Run: python python/reference/make_chat_goldens.py [--gemma3 CHAT_TEMPLATE.jinja]
Needs jinja2 3.1. The environment is that of transformers' apply_chat_template. The template of
Gemma 4 lies beside the goldens (Apache-2.0); that of Gemma 3 comes with its checkpoints
(tokenizer_config.json, `chat_template`) and is not stored here: without --gemma3 its goldens stay.

One case a line: {"k": kind, "m": messages, "t": tools, "o": options, "x": expected text, or null
where the template raises}. Messages and tools are in the OpenAI wire shape: arguments of tool calls
may be a JSON string, which the template gets as an object.
"""

import argparse
import copy
import json
import pathlib
import random

from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "chat"
SPECIALS = [
    "<|turn>",
    "<turn|>",
    '<|"|>',
    "<|channel>",
    "<channel|>",
    "<|think|>",
    "<|image|>",
    "<|tool_call>",
    "<tool_call|>",
    "<bos>",
    "<start_of_turn>",
    "<end_of_turn>",
]
WORDS = [
    "hi",
    "Paris",
    "a b",
    "été",
    "日本",
    "🙂",
    "x=1",
    "{}",
    "it's",
    '"q"',
    "\\n",
    "tail ",
    " head",
    "two\nlines",
    "tab\t",
    "nbsp\u00a0",
    "\u3000wide",
    "Привет",
    "",
    "  ",
    "0",
    "null",
    "é",
]
KEYS = [
    "a",
    "B",
    "b",
    "A",
    "city",
    "Zed",
    "zed",
    "_x",
    "1",
    "é",
    "É",
    "я",
    "Я",
    "ß",
    "İ",
    "Ǆ",
    "key two",
    "description",
    "type",
    "properties",
    "required",
    "nullable",
    "items",
    "enum",
    "",
    "{",
    "名",
]
PLAIN_KEYS = ["a", "B", "city", "days", "lang", "Unit", "tags", "x1"]
PHRASES = [
    'Say "hi", it\'s {fine}',
    "a <|turn> in words",
    "path: C:\\temp\\new",
    "line one\nline two\n",
    "<b>&amp;</b>",
    "{'a': [1, 2]}",
    "naïve — “quoted” … 100 %",
    "👩‍👩‍👧 family",
    "{% raw %} {{ x }}",
]
NUMBERS = [
    0,
    1,
    -3,
    42,
    2**53,
    2**63 - 1,
    -(2**63),
    2**64 - 1,
    0.5,
    1.0,
    -0.0,
    1e20,
    1e16,
    1e15,
    123456.75,
    1e-5,
    0.0001,
    2.5e-7,
    -1.5e300,
    3.14,
    100.0,
]
TYPES = ["string", "integer", "number", "boolean", "array", "object", "null", "STRING", "Object"]


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )

    def raise_exception(message):
        raise TemplateError(message)

    env.globals["raise_exception"] = raise_exception
    return env


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, p):
        return self.random.random() < p

    def pick(self, items):
        return self.random.choice(items)

    def text(self, most=3):
        words = [self.pick(WORDS) for _ in range(self.random.randint(0, most))]
        if self.chance(0.06):
            words.append(self.pick(SPECIALS))
        return " ".join(words)

    def thoughtful(self):
        """Text with thought spans, whole and broken."""
        parts = [self.text(1), "<|channel>", "thought\n", "<channel|>", self.text(1)]
        if self.chance(0.4):
            self.random.shuffle(parts)
        return "".join(parts[: self.random.randint(1, 5)] if self.chance(0.3) else parts)

    def key(self):
        return self.pick(KEYS if self.chance(0.5) else PLAIN_KEYS)

    def scalar(self):
        return self.pick([self.text(2), self.pick(NUMBERS), True, False, None])

    def value(self, depth=2):
        if depth and self.chance(0.25):
            return [self.value(depth - 1) for _ in range(self.random.randint(0, 3))]
        if depth and self.chance(0.25):
            return self.mapping(depth - 1)
        return self.scalar()

    def mapping(self, depth=2, most=3):
        return {self.key(): self.value(depth) for _ in range(self.random.randint(0, most))}

    # --- tools -------------------------------------------------------------------------------

    def schema(self, depth=2):
        if self.chance(0.03):
            return self.value(1)  # no schema at all
        out = {}
        kind = self.pick(TYPES)
        if self.chance(0.9):
            out["type"] = kind
        elif self.chance(0.5):
            out["type"] = self.pick(
                [["string", "null"], ["object"], None, 3, ["array", "it's", '"']]
            )
        if self.chance(0.6):
            out["description"] = self.text(2)
        if self.chance(0.03):
            out["description"] = self.value(1)
        if self.chance(0.2):
            out["enum"] = [self.scalar() for _ in range(self.random.randint(0, 3))]
        if self.chance(0.15):
            out["nullable"] = self.pick([True, True, False, None, 0, 1.5, "no"])
        if self.chance(0.15):
            out[
                self.pick(
                    ["format", "default", "minimum", "title", "anyOf", "additionalProperties"]
                )
            ] = self.value(1)
        lowered = kind.lower()
        if lowered == "array" and self.chance(0.9):
            out["items"] = self.items(depth)
        if lowered == "object" and depth and self.chance(0.75):
            out["properties"] = self.properties(depth - 1)
        if (lowered == "object" and self.chance(0.5)) or self.chance(0.03):
            out["required"] = self.required()
        return self.shuffled(out)

    def items(self, depth):
        if self.chance(0.1):
            return self.pick([{}, [], None, "x"])
        out = self.schema(depth - 1) if depth else {"type": "string"}
        if isinstance(out, dict) and self.chance(0.1):
            out["type"] = self.pick([["string", "null"], ["a"], [], None, 3])
        if isinstance(out, dict) and self.chance(0.1):
            out["required"] = self.required()
        return out

    def required(self):
        if self.chance(0.06):
            return self.pick([True, "ab", 5, None, {"k": 1}, [1, None, 2.5], ["a", ["b"]]])
        return [self.key() for _ in range(self.random.randint(0, 2))]

    def properties(self, depth):
        return {self.key(): self.schema(depth) for _ in range(self.random.randint(0, 3))}

    def shuffled(self, mapping):
        entries = list(mapping.items())
        self.random.shuffle(entries)
        return dict(entries)

    def tool(self):
        function = {"name": self.pick(["f", "get_weather", "g2", "поиск", "a.b", "now"])}
        if self.chance(0.9):
            function["description"] = self.text(2)
        if self.chance(0.9):
            parameters = {}
            if self.chance(0.9):
                parameters["properties"] = self.properties(2)
            if self.chance(0.02):
                parameters["properties"] = self.pick([[], None, ["a"], "p", 1])
            if self.chance(0.5):
                parameters["required"] = self.required()
            if self.chance(0.92):
                parameters["type"] = self.pick(
                    ["object", "object", "OBJECT", "Object", ["object"], "", None]
                )
            function["parameters"] = self.shuffled(parameters)
        if self.chance(0.15):
            function["response"] = self.pick(
                [
                    {},
                    {"type": "object"},
                    {"type": "string", "description": "r"},
                    {"description": self.text(1), "type": "Object"},
                ]
            )
        return {"type": "function", "function": function}

    # --- messages ----------------------------------------------------------------------------

    def parts(self, media):
        return [
            (
                {"type": "text", "text": self.text(2)}
                if self.chance(0.6)
                else {"type": self.pick(media)}
            )
            for _ in range(self.random.randint(0, 3))
        ]

    def content(self, media=("image", "image_url", "audio", "input_audio", "video")):
        return self.parts(media) if self.chance(0.25) else self.text()

    def call(self, index):
        call = {
            "type": "function",
            "function": {"name": self.pick(["f", "g", "get_weather", "näh"])},
        }
        if self.chance(0.9):
            call["id"] = f"c{index}"
        call["function"]["arguments"] = self.mapping()
        if self.chance(0.03):
            call["function"]["arguments"] = None
        if self.chance(0.01):
            call["function"]["arguments"] = self.pick(
                ["[1]", "{", "3", "no"]
            )  # the template raises
        return call

    def answer(self, calls):
        message = {"role": "tool", "content": self.text(2)}
        if self.chance(0.15):
            message["content"] = self.parts(["image", "image_url", "audio", "video"])
        if self.chance(0.05):
            message["content"] = None
        if calls and self.chance(0.8):
            call = self.pick(calls)
            if "id" in call:
                message["tool_call_id"] = call["id"]
        elif self.chance(0.5):
            message["tool_call_id"] = "stray"
        if self.chance(0.2):
            message["name"] = self.pick(["", "f", "named"])
        return message

    def assistant(self):
        message = {"role": "assistant", "content": self.text()}
        if self.chance(0.2):
            message["content"] = self.thoughtful()
        elif self.chance(0.15):
            message["content"] = self.parts(["image", "audio", "video"])
            if self.chance(0.4):
                message["content"].append({"type": "text", "text": self.thoughtful()})
        if self.chance(0.3):
            message[self.pick(["reasoning", "reasoning_content"])] = self.text(2)
            if self.chance(0.1):
                message["reasoning"] = ""
        return message

    def tool_step(self):
        """An assistant message with calls, and the tool messages after it."""
        message = self.assistant()
        if self.chance(0.6):
            message["content"] = self.pick([None, ""])
            if self.chance(0.3):
                del message["content"]
        calls = [self.call(i) for i in range(self.random.choices([0, 1, 2, 3], [1, 12, 4, 1])[0])]
        message["tool_calls"] = calls
        if self.chance(0.15):
            message["tool_responses"] = [self.response() for _ in range(self.random.randint(0, 2))]
        answers = [
            self.answer(calls) for _ in range(self.random.choices([0, 1, 2, 3], [2, 10, 3, 1])[0])
        ]
        return [message, *answers]

    def response(self):
        out = {"response": self.value(2) if self.chance(0.4) else self.mapping()}
        if self.chance(0.8):
            out["name"] = self.pick(["f", "", None, "r"])
        return out

    def conversation(self):
        messages = []
        if self.chance(0.3):
            messages.append(
                {
                    "role": self.pick(["system", "system", "developer"]),
                    "content": self.parts(["text", "image"]) if self.chance(0.2) else self.text(),
                }
            )
            for part in messages[0]["content"] if isinstance(messages[0]["content"], list) else []:
                if part["type"] == "text":
                    part.setdefault("text", "t")
        for _ in range(self.random.choices([0, 1, 2, 3], [1, 8, 4, 2])[0]):
            if self.chance(0.9):
                messages.append({"role": "user", "content": self.content()})
            if self.chance(0.03):
                messages.append(
                    {
                        "role": self.pick(["system", "developer", "tool", "user"]),
                        "content": self.text(),
                    }
                )
            for _ in range(self.random.choices([0, 1, 2], [6, 3, 2])[0]):
                messages += self.tool_step()
            if self.chance(0.5):
                messages.append(self.assistant())
        return messages or [{"role": "user", "content": self.content()}]

    # --- agents ------------------------------------------------------------------------------

    def words(self):
        """A text that says something, with all that texts of schemas and results hold."""
        words = [self.pick(WORDS + PHRASES) for _ in range(self.random.randint(1, 3))]
        if self.chance(0.15):
            words.insert(self.random.randint(0, len(words)), self.pick(SPECIALS))
        return " ".join(words)

    def real_schema(self, depth):
        """JSON Schema as libraries write it: every type and keyword, nested."""
        kinds = ["string", "integer", "number", "boolean", "null", "any", "list of types", "enum"]
        if depth:
            kinds += ["array", "array", "object", "object", "map", "union", "ref"]
        kind = self.pick(kinds)
        out = {"type": kind}
        if kind == "string":
            out |= self.some({"format": "date-time", "pattern": "^\\d+$", "minLength": 1})
        elif kind in ("integer", "number"):
            out |= self.some({"minimum": 0, "exclusiveMaximum": 1.5, "multipleOf": 0.1})
        elif kind == "any":
            del out["type"]
        elif kind == "list of types":
            out["type"] = self.random.sample(["string", "integer", "null", "array", "object"], 2)
        elif kind == "enum":
            out["type"] = self.pick(["string", "string", "integer", "boolean"])
            out["enum"] = [self.pick([self.words(), 1, 2.5, True, None]) for _ in range(2)]
        elif kind == "array":
            out["items"] = self.real_schema(depth - 1)
            out |= self.some({"minItems": 1, "uniqueItems": True})
        elif kind == "object":
            out |= self.real_object(depth - 1)
        elif kind == "map":
            out = {"type": "object", "additionalProperties": self.real_schema(depth - 1)}
        elif kind == "union":
            del out["type"]
            options = [self.real_schema(depth - 1) for _ in range(2)]
            out[self.pick(["anyOf", "oneOf", "allOf"])] = options
        elif kind == "ref":
            out = {"$ref": "#/$defs/Node"}
        if self.chance(0.6):
            out["description"] = self.words()
        out |= self.some({"nullable": True, "title": self.words(), "default": self.value(1)})
        return self.shuffled(out)

    def some(self, members):
        return {key: value for key, value in members.items() if self.chance(0.25)}

    def real_object(self, depth):
        names = self.random.sample(PLAIN_KEYS + ["type", "items", "max_results", "größe"], 2)
        out = {"type": "object", "properties": {name: self.real_schema(depth) for name in names}}
        if self.chance(0.6):
            out["required"] = names[: self.random.randint(0, 2)]
        return out | self.some({"additionalProperties": False})

    def real_tool(self, name, depth):
        function = {
            "name": name,
            "description": self.words(),
            "parameters": self.real_object(depth),
        }
        if self.chance(0.2):
            function["parameters"]["$defs"] = {"Node": {"type": "object"}}
        if self.chance(0.3):
            function["strict"] = True
        if self.chance(0.1):
            function["response"] = {"type": "object", "description": self.words()}
        return {"type": "function", "function": function}

    def result(self, depth):
        """What tools answer: words, JSON as text, parts, pictures, nothing."""
        kind = self.random.randint(0, 5)
        if kind == 0:
            return self.words()
        if kind == 1:
            return json.dumps(self.value(depth), ensure_ascii=self.chance(0.5))
        if kind == 2:
            return json.dumps(self.mapping(depth), indent=1)
        if kind == 3:
            return [{"type": "text", "text": self.words()} for _ in range(2)]
        if kind == 4:
            picture = {"type": "image_url", "image_url": {"url": "data:,"}}
            return [{"type": "text", "text": self.words()}, picture]
        return ""

    def agent_turn(self, names, rounds, depth):
        """A question, rounds of calls and results, perhaps the answer."""
        question = self.words()
        if self.chance(0.2):
            picture = {"type": self.pick(["image_url", "video"])}
            question = [picture, {"type": "text", "text": question}]
        yield {"role": "user", "content": question}
        for turn in range(rounds):
            message = {"role": "assistant", "content": self.pick([None, "", self.words()])}
            if self.chance(0.6):
                message[self.pick(["reasoning", "reasoning_content"])] = self.words()
            message["tool_calls"] = [
                {
                    "id": f"call_{turn}_{i}",
                    "type": "function",
                    "function": {"name": self.pick(names), "arguments": self.mapping(depth)},
                }
                for i in range(self.random.choices([1, 2, 3], [6, 2, 1])[0])
            ]
            yield message
            answered = [call["id"] for call in message["tool_calls"]]
            self.random.shuffle(answered)
            for call in answered[: None if self.chance(0.9) else -1]:
                yield {"role": "tool", "tool_call_id": call, "content": self.result(depth)}
        if self.chance(0.6):
            message = {"role": "assistant", "content": self.words()}
            if self.chance(0.4):
                message["reasoning_content"] = self.words()
            yield message

    def agent(self):
        names = self.random.sample(["read_file", "web.search", "mcp:shell/run", "get-weather"], 2)
        messages = []
        if self.chance(0.5):
            messages.append({"role": "system", "content": self.words()})
        # Deep schemas, or many rounds: both would make long cases.
        deep = self.chance(0.4)
        depth = 3 if deep else 1
        for rounds in self.pick([[0], [1], [0, 1]] if deep else [[2], [3], [4], [1, 2], [2, 1]]):
            messages += self.agent_turn(names, rounds, depth)
        tools = [self.real_tool(name, depth) for name in names[: 2 if deep else 1]]
        return messages, tools

    def gemma3_conversation(self):
        messages = []
        if self.chance(0.4):
            messages.append({"role": "system", "content": self.text()})
            if self.chance(0.3):
                messages[0]["content"] = self.parts(["image"])
        for i in range(self.random.randint(0 if messages else 1, 5)):
            role = "assistant" if i % 2 else self.pick(["user"])
            if self.chance(0.04):
                role = self.pick(["user", "assistant", "tool", "system"])
            message = {"role": role, "content": self.content(("image", "audio"))}
            if self.chance(0.02):
                message["content"] = None
            messages.append(message)
        return messages

    def options(self, messages):
        out = {"generate": self.chance(0.8)}
        if self.chance(0.45):
            out["thinking"] = True
        if self.chance(0.3):
            out["preserve"] = True
        last = messages[-1]
        if last["role"] == "assistant" and set(last) == {"role", "content"} and self.chance(0.5):
            if (
                isinstance(last["content"], str)
                and last["content"].strip()
                and not any(s in last["content"] for s in SPECIALS)
            ):
                out = {**out, "continue": True, "generate": False}
        return out


def for_template(messages):
    """The wire shape with arguments parsed, as transformers' callers must do."""
    out = copy.deepcopy(messages)
    for message in out:
        for call in message.get("tool_calls") or []:
            arguments = call["function"]["arguments"]
            if isinstance(arguments, str) and arguments.startswith('{"'):
                call["function"]["arguments"] = json.loads(arguments)
    return out


def cut_after_final(text, final):
    """transformers' continue_final_message; it errs where the content is itself a control token."""
    found = text.rindex(final.strip())
    if text[found : found + len(final.lstrip())] == final:
        return text[: found + len(final)]
    return text[: found + len(final.strip())]


def expected(template, messages, tools, options):
    try:
        text = template.render(
            messages=for_template(messages),
            tools=tools or None,
            bos_token="<bos>",
            add_generation_prompt=options["generate"],
            enable_thinking=options.get("thinking", False),
            preserve_thinking=options.get("preserve", False),
        )
    except (TemplateError, TypeError, AttributeError):
        return None
    return cut_after_final(text, messages[-1]["content"]) if options.get("continue") else text


def write(name, cases):
    lines = [json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases]
    path = GOLDEN / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    raised = sum(case["x"] is None for case in cases)
    print(f"{name}: {len(cases)} cases, {raised} raise, {path.stat().st_size} bytes")


def gemma4_cases(kind, template, seed, count):
    maker = Maker(seed)
    seen = set()
    while len(seen) < count:
        messages = maker.conversation()
        tools = [maker.tool() for _ in range(maker.random.choices([0, 1, 2], [7, 4, 1])[0])]
        options = maker.options(messages)
        text = expected(template, messages, tools, options)
        for call in (c for m in messages for c in m.get("tool_calls", [])):
            arguments = call["function"]["arguments"]
            if arguments and isinstance(arguments, dict) and maker.chance(0.5):
                call["function"]["arguments"] = json.dumps(
                    arguments, ensure_ascii=maker.chance(0.5)
                )
        case = {"k": kind, "m": messages, "o": options, "x": text}
        if tools:
            case["t"] = tools
        line = json.dumps(case, ensure_ascii=False)
        if line not in seen and len(line) < 1150:
            seen.add(line)
            yield case


def agent_cases(template, seed, count, most=3000):
    """Long tool loops over real schemas; `most` characters a case."""
    maker = Maker(seed)
    made = 0
    while made < count:
        messages, tools = maker.agent()
        options = {"generate": maker.chance(0.9)}
        options |= {name: True for name in ("thinking", "preserve") if maker.chance(0.5)}
        text = expected(template, messages, tools, options)
        for call in (c for m in messages for c in m.get("tool_calls", [])):
            call["function"]["arguments"] = json.dumps(call["function"]["arguments"])
        case = {"k": "gemma4", "m": messages, "o": options, "x": text, "t": tools}
        if len(json.dumps(case, ensure_ascii=False)) < most:
            made += 1
            yield case


def gemma3_cases(template, seed, count):
    maker = Maker(seed)
    for _ in range(count):
        messages = maker.gemma3_conversation()
        options = {"generate": maker.chance(0.7)}
        yield {
            "k": "gemma3",
            "m": messages,
            "o": options,
            "x": expected(template, messages, [], options),
        }


def small_template(source):
    """The template of E2B and E4B: the same without the empty thought."""
    empty = (
        "        {%- if not enable_thinking -%}\n"
        "            {{- '<|channel>thought\\n<channel|>' -}}\n"
        "        {%- endif -%}\n"
    )
    assert source.count(empty) == 1
    return source.replace(empty, "")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gemma3", type=pathlib.Path)
    arguments = parser.parse_args()
    source = (GOLDEN / "gemma4_chat_template.jinja").read_text(encoding="utf-8")
    env = environment()
    write("gemma4.jsonl", list(gemma4_cases("gemma4", env.from_string(source), 4, 2000)))
    write("gemma4_agents.jsonl", list(agent_cases(env.from_string(source), 6, 350)))
    write(
        "gemma4_small.jsonl",
        list(gemma4_cases("gemma4_small", env.from_string(small_template(source)), 5, 100)),
    )
    if arguments.gemma3:
        template = env.from_string(arguments.gemma3.read_text(encoding="utf-8"))
        write("gemma3.jsonl", list(gemma3_cases(template, 3, 500)))


if __name__ == "__main__":
    main()
