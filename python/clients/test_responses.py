"""The Responses API through OpenAI's own client, against random models: shapes, streams, stored conversations."""

import json
import unittest
import urllib.request

import openai
from server import TOY, Server, real_model
from test_images import MODEL as SEEING, data_url

TOOLS = [{"type": "function", "name": "look", "description": "Looks", "strict": False,
          "parameters": {"type": "object", "properties": {"where": {"type": "string"}}}}]
CALL = {"type": "function_call", "call_id": "call_1", "name": "look", "arguments": '{"where": "up"}'}


def answer_of(response) -> list:
    """What of an answer does not change from one request to the next."""
    return [(item.type, [part.text for part in item.content or []]) if item.type != "function_call"
            else (item.type, item.name, item.arguments) for item in response.output]


class Responses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(TOY, "--chat-template", "gemma4")
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def options(self, **options):
        return {"model": self.server.name, "input": "a b c", "max_output_tokens": 12, "extra_body": {"seed": 3},
                **options}

    def create(self, **options):
        return self.client.responses.create(**self.options(**options))

    def test_whole(self):
        response = self.create(instructions="a", metadata={"a": "b"}, temperature=0.5)
        self.assertTrue(response.id.startswith("resp_"))
        self.assertIn((response.status, response.incomplete_details and response.incomplete_details.reason),
                      (("completed", None), ("incomplete", "max_output_tokens")))
        self.assertEqual((response.instructions, response.metadata, response.temperature), ("a", {"a": "b"}, 0.5))
        usage = response.usage
        self.assertEqual(usage.total_tokens, usage.input_tokens + usage.output_tokens)
        self.assertLessEqual(usage.output_tokens, 12)
        self.assertEqual(usage.input_tokens,
                         self.client.responses.input_tokens.count(**self.countable(instructions="a")).input_tokens)
        self.assertEqual(response.output_text, "".join(
            part.text for item in response.output if item.type == "message" for part in item.content))

    def test_a_maximum_beyond_the_context_is_what_fits(self):
        response = self.create(max_output_tokens=10**6, extra_body={"seed": 3, "ignore_eos": True})
        self.assertEqual(response.incomplete_details.reason, "max_output_tokens")

    def countable(self, **options):
        return {"model": self.server.name, "input": "a b c", **options}

    def test_stream_equals_whole(self):
        whole = self.create(reasoning={"effort": "low"})
        with self.client.responses.stream(**self.options(reasoning={"effort": "low"})) as stream:
            events = list(stream)
        last = events[-1]
        self.assertEqual(last.type, "response." + whole.status)
        self.assertEqual(answer_of(last.response), answer_of(whole))
        self.assertEqual(last.response.usage, whole.usage)
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        self.assertEqual([event.type for event in events[:2]], ["response.created", "response.in_progress"])
        self.assertEqual("".join(event.delta for event in events if event.type == "response.output_text.delta"),
                         last.response.output_text)
        self.assertEqual(answer_of(self.client.responses.retrieve(last.response.id)), answer_of(whole))

    def test_events_are_named_as_their_type(self):
        body = json.dumps({"input": "a", "max_output_tokens": 4, "stream": True}).encode()
        with urllib.request.urlopen(self.server.url + "/v1/responses", body) as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
            blocks = answer.read().decode().strip().split("\n\n")
        for block in blocks:
            name, data = block.split("\n")
            self.assertEqual(name, "event: " + json.loads(data.removeprefix("data: "))["type"])

    def test_log_probabilities(self):
        response = self.create(include=["message.output_text.logprobs"], top_logprobs=2)
        tokens = [token for item in response.output if item.type == "message"
                  for part in item.content for token in part.logprobs]
        self.assertGreater(len(tokens), 0)
        self.assertEqual({len(token.top_logprobs) for token in tokens}, {2})

    def test_a_loop_of_tools_goes_on_from_stored_responses(self):
        asked = [{"role": "user", "content": "a"}, CALL]
        result = {"type": "function_call_output", "call_id": "call_1", "output": "b"}
        first = self.create(tools=TOOLS, input=asked + [result])
        self.assertEqual([tool.name for tool in first.tools], ["look"])
        second = self.create(tools=TOOLS, input="c", previous_response_id=first.id)
        self.assertEqual(second.previous_response_id, first.id)
        # The same conversation, told by the client itself.
        told = asked + [result] + [item.model_dump(exclude_none=True) for item in first.output]
        alone = self.create(tools=TOOLS, input=told + [{"role": "user", "content": "c"}], store=False)
        self.assertEqual(second.usage.input_tokens, alone.usage.input_tokens)
        self.assertEqual(answer_of(second), answer_of(alone))
        # By reference, as AI SDK does it.
        references = [{"type": "item_reference", "id": item.id} for item in first.output]
        referred = self.create(tools=TOOLS, input=asked + [result] + references + [{"role": "user", "content": "c"}])
        self.assertEqual(answer_of(referred), answer_of(second))

        items = list(self.client.responses.input_items.list(second.id, order="asc"))
        self.assertEqual([item.type for item in items][:3], ["message", "function_call", "function_call_output"])
        self.assertEqual(items[-1].content[0].text, "c")
        few = self.client.responses.input_items.list(second.id, order="asc", limit=2)
        self.assertTrue(few.has_more)
        self.assertEqual([item.id for item in few], [item.id for item in items])  # over pages

    def test_stored_responses_can_be_deleted(self):
        response = self.create()
        self.client.responses.delete(response.id)
        for ask in (lambda: self.client.responses.retrieve(response.id),
                    lambda: self.client.responses.delete(response.id),
                    lambda: self.client.responses.input_items.list(response.id)):
            with self.assertRaises(openai.NotFoundError):
                ask()
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.create(previous_response_id=response.id)
        self.assertEqual(wrong.exception.code, "previous_response_not_found")

    def test_responses_are_not_stored_against_the_clients_will(self):
        response = self.create(store=False)
        self.assertFalse(response.store)
        with self.assertRaises(openai.NotFoundError):
            self.client.responses.retrieve(response.id)

    def test_ids_are_not_the_clients_to_choose(self):
        first, second = (self.create(extra_headers={"X-Request-Id": "mine"}).id for _ in range(2))
        self.assertNotEqual(first, second)
        self.assertNotIn("mine", first)

    def test_codex_is_answered(self):
        with self.client.responses.stream(**self.options(
                input=[{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "rules"}]},
                       {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list"}]}],
                instructions="You are Codex", tool_choice="auto", parallel_tool_calls=True,
                tools=TOOLS + [{"type": "web_search"}, {"type": "namespace", "name": "n", "tools": []}],
                reasoning={"effort": "medium", "summary": "auto"}, store=False,
                include=["reasoning.encrypted_content"], prompt_cache_key="0199",
                extra_body={"client_metadata": {"a": "b"}, "seed": 3})) as stream:
            last = list(stream)[-1]
        self.assertIn(last.type, ("response.completed", "response.incomplete"))
        self.assertIsInstance(last.response.usage.input_tokens_details.cached_tokens, int)
        for item in last.response.output:
            if item.type == "reasoning":
                self.assertTrue(item.encrypted_content)

    def test_errors_name_the_field(self):
        for options, param in (
                ({"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "f"}]}]},
                 "input[0].content[0].type"),
                ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}]},
                 "input[0].content[0]"),
                ({"input": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}, "input[0].call_id"),
                ({"background": True}, "background"),
                ({"text": {"format": {"type": "json_schema", "name": "n", "schema": {"contains": {}}}}},
                 "text.format.schema"),
                ({"tool_choice": "required"}, "tool_choice"),
                ({"reasoning": {"effort": "huge"}}, "reasoning.effort")):
            with self.assertRaises(openai.BadRequestError) as wrong:
                self.create(**options)
            self.assertEqual(wrong.exception.param, param)
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.create(input="a " * 20000)
        self.assertEqual(wrong.exception.code, "context_length_exceeded")
        cut = self.create(input=[{"role": "user", "content": "a " * 20000}, {"role": "user", "content": "b"}],
                          truncation="auto")
        self.assertLess(cut.usage.input_tokens, 100)


class Termination(unittest.TestCase):
    def test_a_stream_that_breaks_never_looks_whole(self):
        server = Server(real_model(), "--chat-template", "gemma3", "--drain-seconds", "1")
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
        stream = client.responses.create(model=server.name, input="Count", stream=True, extra_body={"ignore_eos": True})
        last = None
        with self.assertRaises(openai.APIError):
            for event in stream:
                last = event.type
                if last == "response.output_text.delta" and not server.told:
                    server.terminate()
        self.assertIn(last, ("response.output_text.delta", "response.failed"))
        client.close()
        self.assertEqual(server.stop(), 0)


class Images(unittest.TestCase):
    def test_images_are_seen_and_remembered(self):
        server = Server(SEEING, "--chat-template", "gemma4")
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)

        def ask(**options):
            return client.responses.create(model=server.name, max_output_tokens=4, temperature=0, **options)

        turn = [{"role": "user", "content": [
            {"type": "input_text", "text": "What is it?"},
            {"type": "input_image", "image_url": data_url("png_rgb.png"), "detail": "low"}]}]
        first = ask(input=turn)
        details = first.usage.input_tokens_details
        self.assertTrue(40 < details.image_tokens <= 72)
        self.assertEqual([medium["part"] for medium in details.media], ["input[0].content[1]"])
        chat = client.chat.completions.create(model=server.name, max_tokens=4, messages=[{"role": "user", "content": [
            {"type": "text", "text": "What is it?"},
            {"type": "image_url", "image_url": {"url": data_url("png_rgb.png"), "detail": "low"}}]}])
        self.assertEqual(first.usage.input_tokens, chat.usage.prompt_tokens)
        count = client.responses.input_tokens.count(model=server.name, input=turn).input_tokens
        self.assertEqual(count, first.usage.input_tokens)
        second = ask(input="And now?", previous_response_id=first.id)
        self.assertEqual(second.usage.input_tokens_details.image_tokens, details.image_tokens)
        with self.assertRaises(openai.BadRequestError) as wrong:
            ask(input=[{"role": "user", "content": [{"type": "input_image", "image_url": "data:;base64,aGVsbG8="}]}])
        self.assertEqual(wrong.exception.param, "input[0].content[0]")
        client.close()
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
