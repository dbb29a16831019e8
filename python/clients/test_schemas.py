"""Answers that the C++ corpus test drew at random under its masks, judged by Python's jsonschema.

The C++ test (src/grammar/corpus_test.cpp) judges them itself with valijson; here is the second
opinion. Numbers are compared as decimals, so that 0.07 is a multiple of 0.01.
"""

import collections
import decimal
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import jsonschema
from jsonschema.validators import validator_for

PROGRAM = pathlib.Path(os.environ["GEMMA4"]).parent / "grammar_test"
SCHEMAS_MIN = 300
UNJUDGED_MAX = 10  # answers to schemas with patterns that Python's re does not know


def number(text: str) -> decimal.Decimal | float:
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:  # an exponent of twenty digits
        return float(text)


def parse(text: str):
    return json.loads(text, parse_float=number)


def has_lists_of_items(schema) -> bool:
    """Places with a schema each were called items up to draft 2019-09."""
    if isinstance(schema, list):
        return any(map(has_lists_of_items, schema))
    return isinstance(schema, dict) and (isinstance(schema.get("items"), list) or
                                         any(map(has_lists_of_items, schema.values())))


def has_boolean_bounds(schema) -> bool:
    """exclusiveMinimum was true or false up to draft 4; zod 3 writes so for OpenAI under a newer draft's name."""
    if isinstance(schema, list):
        return any(map(has_boolean_bounds, schema))
    return isinstance(schema, dict) and (
        any(isinstance(schema.get(key), bool) for key in ("exclusiveMinimum", "exclusiveMaximum")) or
        any(map(has_boolean_bounds, schema.values())))


def judge_of(schema):
    if has_boolean_bounds(schema):
        return jsonschema.Draft4Validator(schema)
    newest = (jsonschema.Draft7Validator if has_lists_of_items(schema)
              else jsonschema.Draft202012Validator)
    return validator_for(schema, default=newest)(schema)


class RandomAnswers(unittest.TestCase):
    def test_they_are_what_their_schemas_ask_for(self):
        decimal.getcontext().prec = 2000
        unjudged, schemas, answers = collections.Counter(), set(), 0
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "answers.jsonl"
            subprocess.run([PROGRAM, "--gtest_filter=*Corpus*", "--gtest_brief=1"], check=True,
                           stdout=subprocess.DEVNULL, env=os.environ | {"G4_ANSWERS": str(path)})
            for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
                row = parse(line)
                try:
                    error = next(judge_of(row["schema"]).iter_errors(parse(row["answer"])), None)
                except re.error:
                    unjudged[row["name"]] += 1
                    continue
                self.assertIsNone(error, f"{row['name']}: {row['answer']}")
                schemas.add(row["name"])
                answers += 1
        print(f"{answers} answers to {len(schemas)} schemas are valid; unjudged: {dict(unjudged)}")
        self.assertGreaterEqual(len(schemas), SCHEMAS_MIN)
        self.assertLessEqual(unjudged.total(), UNJUDGED_MAX)


if __name__ == "__main__":
    unittest.main()
