"""What the scripted server (src/serve/scripted_server_main.cpp) is to say, as Gemma 4 spells it."""

import json


def says(*answers: str, question: str = "Well?") -> str:
    """A user's text: the answer to it, then those to the results of each round of calls."""
    return question + "".join(f"«{answer}»" for answer in answers)


LONG = says(" ".join(map(str, range(900))))  # an answer of some thousand tokens that does not repeat itself


def think(thought: str) -> str:
    return f"⟨|channel⟩thought\n{thought}\n⟨channel|⟩"


def spell(value) -> str:
    if isinstance(value, str):
        return f'⟨|"|⟩{value}⟨|"|⟩'
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{spell(item)}" for key, item in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(spell, value)) + "]"
    return json.dumps(value)


def call(function: str, **arguments) -> str:
    return f"⟨|tool_call⟩call:{function}{spell(arguments)}⟨tool_call|⟩"
