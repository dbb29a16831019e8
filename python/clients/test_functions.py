"""OpenAI's first form of tools, "functions" and "function_call", through its own client."""

import json
import unittest

import openai
from server import TOY, Server

FUNCTION = {"name": "look", "description": "Looks", "parameters": {
    "type": "object", "properties": {"where": {"enum": ["up", "down"]}}, "required": ["where"],
    "additionalProperties": False}}


class Functions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(TOY, "--chat-template", "gemma4")
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def create(self, messages=({"role": "user", "content": "a"},), **options):
        return self.client.chat.completions.create(
            model=self.server.name, messages=list(messages), functions=[FUNCTION], seed=5, max_tokens=200, **options)

    def test_a_call_that_was_asked_for(self):
        choice = self.create(function_call={"name": "look"}).choices[0]
        self.assertEqual(choice.finish_reason, "function_call")
        self.assertIsNone(choice.message.tool_calls)
        self.assertEqual(choice.message.function_call.name, "look")
        self.assertIn(json.loads(choice.message.function_call.arguments)["where"], ("up", "down"))

    def test_stream_equals_whole(self):
        whole = self.create(function_call={"name": "look"}).choices[0].message.function_call
        calls, finish = [], None
        for chunk in self.create(function_call={"name": "look"}, stream=True):
            self.assertIsNone(chunk.choices[0].delta.tool_calls)
            calls += [chunk.choices[0].delta.function_call] if chunk.choices[0].delta.function_call else []
            finish = chunk.choices[0].finish_reason or finish
        self.assertEqual(finish, "function_call")
        self.assertEqual([call.name for call in calls if call.name], ["look"])
        self.assertEqual("".join(call.arguments for call in calls), whole.arguments)

    def test_the_result_goes_back(self):
        call = self.create(function_call={"name": "look"}).choices[0].message
        answer = self.create([{"role": "user", "content": "a"}, call.model_dump(exclude_none=True),
                              {"role": "function", "name": "look", "content": "b c"}], function_call="none")
        self.assertIn(answer.choices[0].finish_reason, ("stop", "length"))
        self.assertIsNone(answer.choices[0].message.function_call)

    def test_errors_name_the_field(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            self.create(function_call={"name": "jump"})
        self.assertEqual(caught.exception.param, "function_call")


if __name__ == "__main__":
    unittest.main()
