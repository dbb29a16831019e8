"""Answers that are objects, as each client for Python asks for them, from a model that says the right words or wrong ones."""

import asyncio
import enum
import json
import unittest
import uuid
from typing import Annotated, Literal

import anthropic
import instructor
import openai
from langchain_openai import ChatOpenAI
from pydantic import AfterValidator, BaseModel, Field
from pydantic_ai import Agent, NativeOutput, PromptedOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from scripted import call, says, think
from server import ScriptedServer
from test_litellm import litellm  # not to fetch its table of prices


def positive(value: int) -> int:
    if value <= 0:
        raise ValueError("must be positive")
    return value


class City(BaseModel):
    name: str
    people: Annotated[int, AfterValidator(positive)]
    rivers: list[str]
    climate: Literal["mild", "harsh"]


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Order(BaseModel):
    """Types whose schemas need more than properties and lists."""
    colors: set[Color]
    counts: dict[Literal["a", "b"], int]
    codes: dict[Annotated[str, Field(pattern="^k_")], int]
    notes: dict[uuid.UUID, str]
    password: Annotated[str, Field(json_schema_extra={"pattern": r"^(?=.*[a-z])(?=.*\d).{4,}$"})]


ORDER = {"colors": ["blue", "red"], "counts": {"a": 1}, "codes": {"k_1": 2},
         "notes": {"0e37df36-f698-11e6-8dd4-cb9ced3df976": "x"}, "password": "abc1"}

FACTS = {"name": "Turin", "people": 850000, "rivers": ["Po", "Dora \"Riparia\""], "climate": "mild"}
TURIN = City(**FACTS)
JSON = json.dumps(FACTS)
STRICT = {"type": "function", "function": {"name": "found", "strict": True, "parameters": {
    **City.model_json_schema(), "additionalProperties": False}}}


def setUpModule():
    Structured.server = ScriptedServer()  # one for all: it takes a while to be ready for grammars
    Structured.model = Structured.server.name
    Structured.base = Structured.server.url + "/v1"
    Structured.client = openai.OpenAI(base_url=Structured.base, api_key="none", max_retries=0)


def tearDownModule():
    Structured.client.close()
    assert Structured.server.stop() == 0


class Structured(unittest.TestCase):
    pass


def user(text):
    return [{"role": "user", "content": text}]


class OpenAI(Structured):
    def test_parse(self):
        for asked in (says(JSON), says(think("Which city?") + JSON)):
            answer = self.client.chat.completions.parse(
                model=self.model, messages=user(asked), response_format=City, reasoning_effort="low")
            self.assertEqual(answer.choices[0].message.parsed, TURIN)

    def test_a_parsed_stream(self):
        with self.client.chat.completions.stream(
                model=self.model, messages=user(says(JSON)), response_format=City) as stream:
            events = list(stream)
            final = stream.get_final_completion()
        self.assertEqual(final.choices[0].message.parsed, TURIN)
        self.assertEqual("".join(event.delta for event in events if event.type == "content.delta"),
                         final.choices[0].message.content)

    def test_responses(self):
        asked = says(think("Which city?") + JSON)
        answer = self.client.responses.parse(model=self.model, input=asked, text_format=City, reasoning={"effort": "low"})
        self.assertEqual(answer.output_parsed, TURIN)
        with self.client.responses.stream(model=self.model, input=asked, text_format=City) as stream:
            self.assertEqual(stream.get_final_response().output_parsed, TURIN)

    def test_types_beyond_properties_and_lists(self):
        answer = self.client.chat.completions.create(
            model=self.model, messages=user(says(json.dumps(ORDER))), response_format={
                "type": "json_schema", "json_schema": {"name": "order", "schema": Order.model_json_schema()}})
        self.assertEqual(json.loads(answer.choices[0].message.content), ORDER)
        self.assertEqual(Order(**ORDER).colors, {Color.RED, Color.BLUE})

    def test_any_object(self):
        answer = self.client.chat.completions.create(
            model=self.model, messages=user(says('{"a": [1, {"b": null}]}')), response_format={"type": "json_object"})
        self.assertEqual(json.loads(answer.choices[0].message.content), {"a": [1, {"b": None}]})

    def test_wrong_words_become_what_the_schema_allows(self):
        for wrong in (JSON.replace("mild", "wet"), "I think it is mild."):
            answer = self.client.chat.completions.create(
                model=self.model, messages=user(says(wrong)), max_tokens=400, response_format={
                    "type": "json_schema", "json_schema": {"name": "climate", "strict": True, "schema": {
                        "type": "object", "properties": {"climate": {"enum": ["mild", "harsh"]}},
                        "required": ["climate"], "additionalProperties": False}}})
            self.assertIn(json.loads(answer.choices[0].message.content),
                          [{"climate": "mild"}, {"climate": "harsh"}])

    def test_strict_and_wanted_tools(self):
        for choice in ("auto", "required", {"type": "function", "function": {"name": "found"}}):
            for tools in ([STRICT], [openai.pydantic_function_tool(City, name="found")]):
                with self.client.chat.completions.stream(
                        model=self.model, messages=user(says(call("found", **FACTS))), tools=tools,
                        tool_choice=choice) as stream:
                    [made] = stream.get_final_completion().choices[0].message.tool_calls
                self.assertEqual(City.model_validate_json(made.function.arguments), TURIN)

    def test_a_schema_that_cannot_be_is_refused_by_name(self):
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.client.chat.completions.create(
                model=self.model, messages=user("a"), response_format={
                    "type": "json_schema", "json_schema": {"name": "a", "schema": {"$ref": "#/nowhere"}}})
        self.assertIn("response_format", wrong.exception.param)


class Anthropic(Structured):
    def test_parse(self):
        client = anthropic.Anthropic(base_url=self.server.url, api_key="none", max_retries=0)
        answer = client.messages.parse(model=self.model, max_tokens=400, messages=user(says(JSON)), output_format=City)
        self.assertEqual(answer.parsed_output, TURIN)
        for choice in ({"type": "any"}, {"type": "tool", "name": "found"}):
            answer = client.messages.create(
                model=self.model, max_tokens=400, messages=user(says(call("found", **FACTS))), tool_choice=choice,
                tools=[{"name": "found", "strict": True, "input_schema": STRICT["function"]["parameters"]}])
            self.assertEqual((answer.content[0].input, answer.stop_reason), (FACTS, "tool_use"))
        client.close()


class LangChain(Structured):
    def test_with_structured_output(self):
        model = ChatOpenAI(model=self.model, base_url=self.base, api_key="none", max_retries=0)
        for method, words in (("json_schema", JSON), ("json_mode", JSON), ("function_calling", call("City", **FACTS))):
            found = model.with_structured_output(City, method=method).invoke(says(words))
            self.assertEqual(found, TURIN, method)
        found = model.with_structured_output(City, method="function_calling", strict=True).invoke(
            says(call("City", **FACTS)))
        self.assertEqual(found, TURIN)
        model.root_client.close()


class Instructor(Structured):
    def ask(self, mode, *answers, **options):
        client = instructor.from_openai(self.client, mode=mode)
        city = client.chat.completions.create(model=self.model, response_model=City, messages=user(says(*answers)),
                                              **options)
        return city.model_dump()  # its class is instructor's own

    def test_modes(self):
        self.assertEqual(self.ask(instructor.Mode.TOOLS, call("City", **FACTS)), FACTS)
        for mode in (instructor.Mode.JSON, instructor.Mode.JSON_SCHEMA):
            self.assertEqual(self.ask(mode, JSON), FACTS)

    def test_a_wrong_answer_is_asked_for_again(self):
        wrong = call("City", **{**FACTS, "people": -1})
        self.assertEqual(self.ask(instructor.Mode.TOOLS, wrong, call("City", **FACTS), max_retries=1), FACTS)


class PydanticAI(Structured):
    def test_outputs(self):
        async def ask(model_class, output, words):
            provider = OpenAIProvider(base_url=self.base, api_key="none")
            result = await Agent(model_class(self.model, provider=provider), output_type=output).run(says(words))
            await provider.client.close()
            return result.output

        for model_class in (OpenAIChatModel, OpenAIResponsesModel):
            for output, words in ((City, call("final_result", **FACTS)), (NativeOutput(City), JSON),
                                  (PromptedOutput(City), JSON)):
                self.assertEqual(asyncio.run(ask(model_class, output, words)), TURIN)


class LiteLLM(Structured):
    def test_response_format(self):
        for provider in ("openai", "hosted_vllm"):
            answer = litellm.completion(model=f"{provider}/{self.model}", api_base=self.base, api_key="none",
                                        messages=user(says(JSON)), response_format=City, max_retries=0)
            self.assertEqual(City.model_validate_json(answer.choices[0].message.content), TURIN)


if __name__ == "__main__":
    unittest.main()
