"""Anthropic's official Python client, unchanged but for the base URL, against random models."""

import base64
import json
import unittest
import urllib.request
import warnings

import anthropic
from server import TOY, Server, real_model
from test_images import FILES, MODEL as SEEING

TOOLS = [{"name": "a", "description": "Looks around", "cache_control": {"type": "ephemeral"},
          "input_schema": {"type": "object", "properties": {"where": {"type": "string"}}}}]
CALL = "<|tool_call><tool_call|>a{}"  # calls of the function "a", of "aa"...
USAGE = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


def user(*content):
    return {"role": "user", "content": list(content)}


def image(name, **options):
    data = base64.b64encode((FILES / name).read_bytes()).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}, **options}


def blocks(message):
    """What of an answer's content does not change from one request to the next."""
    return [{key: value for key, value in block.to_dict().items() if key != "id"} for block in message.content]


class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(TOY, "--chat-template", "gemma4")
        cls.client = anthropic.Anthropic(base_url=cls.server.url, api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def options(self, seed=3, **options):
        extra = {"seed": seed, **options.pop("extra", {})}
        return {"model": self.server.name, "max_tokens": 12, "messages": [{"role": "user", "content": "a b c"}],
                "extra_body": extra, **options}

    def create(self, **options):
        return self.client.messages.create(**self.options(**options))

    def only(self, text):
        """Lets the model say these tokens and nothing else, in a wild mix."""
        answer = self.server.post("/tokenize", {"prompt": text, "add_special_tokens": False})[2]
        return {"allowed_token_ids": sorted(set(answer["tokens"])), "temperature": 2, "top_p": 1}

    def find(self, text, wanted, **options):
        """An answer out of these tokens that holds a block of the wanted type, and how it was asked for."""
        for seed in range(200):
            asked = {"seed": seed, "extra": self.only(text), "max_tokens": 48, **options}
            answer = self.create(**asked)
            if wanted in [block.type for block in answer.content]:
                return answer, asked
        self.fail(f"no {wanted} in 200 answers")

    def test_whole(self):
        answer = self.create(system=[{"type": "text", "text": "a"}], metadata={"user_id": "u"}, extra={"temperature": 0.5})
        self.assertTrue(answer.id.startswith("msg_"))
        self.assertEqual((answer.type, answer.role, answer.model), ("message", "assistant", self.server.name))
        self.assertIn(answer.stop_reason, ("end_turn", "max_tokens"))
        self.assertEqual([block.type for block in answer.content], ["text"])
        usage = answer.usage.to_dict()
        self.assertEqual({key: usage[key] for key in USAGE}, USAGE)
        self.assertTrue(0 < usage["output_tokens"] <= 12)
        self.assertNotEqual(answer.id, self.create().id)

    def test_stream_equals_whole(self):
        whole = self.create(max_tokens=24)
        with self.client.messages.stream(**self.options(max_tokens=24)) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
        self.assertEqual(text, whole.content[0].text)
        self.assertEqual(blocks(final), blocks(whole))
        self.assertEqual((final.usage, final.stop_reason), (whole.usage, whole.stop_reason))
        plain = list(self.client.messages.create(stream=True, **self.options(max_tokens=24)))
        self.assertEqual([event.type for event in plain[:2]], ["message_start", "content_block_start"])
        self.assertEqual([event.type for event in plain[-3:]],
                         ["content_block_stop", "message_delta", "message_stop"])

    def test_events_are_named_as_their_type(self):
        body = {"max_tokens": 4, "stream": True, "messages": [{"role": "user", "content": "a"}]}
        with urllib.request.urlopen(self.server.url + "/v1/messages", json.dumps(body).encode()) as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/event-stream")
            events = answer.read().decode().strip().split("\n\n")
        for event in events:
            name, data = event.split("\n")
            self.assertEqual(name, "event: " + json.loads(data.removeprefix("data: "))["type"])
        self.assertIn("event: ping\ndata: {\"type\":\"ping\"}", events)

    def test_thoughts_come_signed_and_go_back(self):
        thinking = {"type": "enabled", "budget_tokens": 1024}
        answer, asked = self.find("<|channel><channel|> a b c", "thinking", thinking=thinking)
        for block in answer.content:
            self.assertIn(block.type, ("thinking", "text"))
            if block.type == "thinking":
                self.assertTrue(block.signature)
                self.assertTrue(block.thinking)
        self.assertGreater(answer.usage.output_tokens_details.thinking_tokens, 0)
        with self.client.messages.stream(**self.options(**asked)) as stream:
            self.assertEqual(blocks(stream.get_final_message()), blocks(answer))
        hidden = self.create(**{**asked, "thinking": {"type": "adaptive", "display": "omitted"}})
        self.assertEqual([block.type for block in hidden.content], [block.type for block in answer.content])
        self.assertEqual([block.thinking for block in hidden.content if block.type == "thinking"][0], "")
        history = [user({"type": "text", "text": "a b c"}), {"role": "assistant", "content": answer.content},
                   user({"type": "text", "text": "b"})]
        self.assertTrue(self.create(messages=history, thinking=thinking).usage.input_tokens)

    def test_tools_in_a_loop(self):
        once = {"type": "auto", "disable_parallel_tool_use": True}
        messages = [{"role": "user", "content": "a b c"}]
        for result in ("up", [{"type": "text", "text": "{\"sky\": \"blue\"}"}], None):
            answer, asked = self.find(CALL, "tool_use", tools=TOOLS,
                                      tool_choice=once, messages=messages)
            self.assertEqual(answer.stop_reason, "tool_use")
            call = answer.content[-1]
            self.assertIsInstance(call.input, dict)
            self.assertTrue(call.id.startswith("toolu_"))
            with self.client.messages.stream(**self.options(**asked)) as stream:
                final = stream.get_final_message()
            self.assertEqual(blocks(final), blocks(answer))
            self.assertEqual(final.usage, answer.usage)
            back = {"type": "tool_result", "tool_use_id": call.id}
            if result is None:
                back["is_error"] = True
            else:
                back["content"] = result
            messages = [*messages, {"role": "assistant", "content": answer.content}, user(back)]
            count = self.client.messages.count_tokens(model=self.server.name, messages=messages, tools=TOOLS)
            self.assertGreater(count.input_tokens, answer.usage.input_tokens + answer.usage.output_tokens - 12)
        with self.assertRaisesRegex(anthropic.BadRequestError, "no result"):
            self.create(messages=messages[:-1])

    def test_the_client_runs_tools_by_itself(self):
        looked = []

        @anthropic.beta_tool
        def a() -> str:
            """Looks around."""
            looked.append(1)
            return "blue"

        warnings.simplefilter("ignore", UserWarning)  # of calls of functions that are not there
        self.addCleanup(warnings.resetwarnings)
        for seed in range(200):
            runner = self.client.beta.messages.tool_runner(
                tools=[a], max_iterations=3, tool_choice={"type": "auto", "disable_parallel_tool_use": True},
                **self.options(seed=seed, max_tokens=48, extra=self.only(CALL)))
            answers = list(runner)
            if len(answers) > 1 and looked:
                return
        self.fail("no tool was run")

    def test_tokens_are_counted_as_they_are_used(self):
        for options in ({}, {"system": "a b"}, {"tools": TOOLS}, {"thinking": {"type": "adaptive"}},
                        {"messages": [user({"type": "document", "title": "t", "source": {
                            "type": "text", "media_type": "text/plain", "data": "a b c d"}})]}):
            asked = {"model": self.server.name, "messages": [{"role": "user", "content": "a b c"}], **options}
            count = self.client.messages.count_tokens(**asked)
            self.assertEqual(count.input_tokens, self.create(**options).usage.input_tokens, options)

    def test_an_answer_may_be_begun(self):
        begun = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "So the"}]
        count = self.client.messages.count_tokens(model=self.server.name, messages=begun).input_tokens
        answer = self.create(messages=begun)
        self.assertEqual(answer.usage.input_tokens, count)
        self.assertFalse(answer.content and answer.content[0].text.startswith("So the"))

    def test_stop_sequences(self):
        whole = self.create(max_tokens=40).content[0].text
        stop = whole[4:7]
        answer = self.create(max_tokens=40, stop_sequences=[stop])
        self.assertEqual(answer.content[0].text if answer.content else "", whole[: whole.index(stop)])
        self.assertEqual((answer.stop_reason, answer.stop_sequence), ("stop_sequence", stop))

    def test_more_tokens_than_fit_may_be_asked_for(self):
        server = Server(TOY, "--chat-template", "gemma4", "--context", "96")
        client = anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)
        with client.messages.stream(**self.options(max_tokens=32000, extra=self.only(" a"))) as stream:
            answer = stream.get_final_message()
        self.assertEqual(answer.stop_reason, "model_context_window_exceeded")
        self.assertEqual(answer.usage.input_tokens + answer.usage.output_tokens, 96)
        with self.assertRaisesRegex(anthropic.BadRequestError, "context of 96 tokens"):
            client.messages.create(**self.options(messages=[{"role": "user", "content": "a b " * 100}]))
        client.close()
        self.assertEqual(server.stop(), 0)

    def test_errors_have_anthropics_shape(self):
        for options, place in (({"messages": [user({"type": "text"})]}, "messages[0].content[0].text"),
                               ({"messages": [{"role": "king", "content": "a"}]}, "messages[0].role"),
                               ({"tool_choice": {"type": "any"}}, "tool_choice"),
                               ({"output_config": {"format": {"type": "json_schema", "schema": {"contains": {}}}}},
                                "output_config.format.schema: #/contains"),
                               ({"messages": [user(image("png_rgb.png"))]}, "messages[0].content[0]")):
            for stream in (False, True):
                with self.assertRaises(anthropic.BadRequestError) as caught:
                    self.create(stream=stream, **options)
                body = caught.exception.body
                self.assertEqual((body["type"], body["error"]["type"]), ("error", "invalid_request_error"))
                self.assertIn(place, body["error"]["message"])
                self.assertEqual(body["request_id"], caught.exception.request_id)  # from the header request-id
        with self.assertRaises(anthropic.NotFoundError) as caught:
            self.create(model="claude")
        self.assertEqual(caught.exception.type, "not_found_error")
        self.assertEqual(self.server.get("/v1/messages")[2]["error"]["type"], "invalid_request_error")
        self.assertEqual(self.server.post("/v1/messages/batches", {})[2]["error"]["type"], "not_found_error")


class Keys(unittest.TestCase):
    def test_either_header_will_do(self):
        server = Server(TOY, "--chat-template", "gemma4", "--api-key", "right")

        def ask(**key):
            client = anthropic.Anthropic(base_url=server.url, max_retries=0, **key)
            self.addCleanup(client.close)
            return client.messages.count_tokens(model=server.name, messages=[{"role": "user", "content": "a"}])

        self.assertEqual(ask(api_key="right"), ask(auth_token="right"))
        with self.assertRaises(anthropic.AuthenticationError) as caught:
            ask(api_key="wrong")
        self.assertEqual(caught.exception.type, "authentication_error")
        self.assertEqual(server.stop(), 0)


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(SEEING, "--chat-template", "gemma4")
        cls.client = anthropic.Anthropic(base_url=cls.server.url, api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def create(self, *messages):
        return self.client.messages.create(model=self.server.name, max_tokens=8, messages=messages,
                                           extra_body={"temperature": 0})

    def count(self, *messages):
        return self.client.messages.count_tokens(model=self.server.name, messages=messages).input_tokens

    def test_images_are_counted_as_they_are_used(self):
        words = {"type": "text", "text": "What is it?"}
        bare = self.count(user(words))
        seen = user(words, image("png_rgb.png"), image("jpeg_420.jpg", max_soft_tokens=70))
        answer = self.create(seen)
        self.assertEqual(answer.usage.input_tokens, self.count(seen))
        media = answer.usage.to_dict()["input_tokens_details"]["media"]
        self.assertEqual([m["part"] for m in media], ["messages[0].content[1]", "messages[0].content[2]"])
        self.assertEqual(answer.usage.input_tokens, bare + sum(m["tokens"] for m in media))
        with self.client.messages.stream(model=self.server.name, max_tokens=8, messages=[seen],
                                         extra_body={"temperature": 0}) as stream:
            self.assertEqual(blocks(stream.get_final_message()), blocks(answer))

    def test_a_tool_may_show_an_image(self):
        call = {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]}
        bare = user({"type": "tool_result", "tool_use_id": "toolu_1", "content": "a"})
        shown = user({"type": "tool_result", "tool_use_id": "toolu_1", "content": [
            {"type": "text", "text": "a"}, image("png_rgb.png")]})
        start = user({"type": "text", "text": "Look"})
        answer = self.create(start, call, shown)
        media = answer.usage.to_dict()["input_tokens_details"]["media"]
        self.assertEqual([m["part"] for m in media], ["messages[2].content[0].content[1]"])
        self.assertEqual(answer.usage.input_tokens, self.count(start, call, bare) + media[0]["tokens"])

    def test_what_is_no_image_is_a_400_by_place(self):
        for source in ({"type": "base64", "media_type": "image/png", "data": "aGVsbG8="},
                       {"type": "url", "url": "https://example.org/a.png"},
                       {"type": "file", "file_id": "file_1"}):
            with self.assertRaises(anthropic.BadRequestError) as caught:
                self.create(user({"type": "image", "source": source}))
            self.assertIn("messages[0].content[0]", caught.exception.body["error"]["message"])
        with self.assertRaisesRegex(anthropic.BadRequestError, "PDF"):
            self.create(user({"type": "document", "source": {
                "type": "base64", "media_type": "application/pdf", "data": "aGVsbG8="}}))


class SmallModels(unittest.TestCase):
    def test_a_model_that_cannot_think_or_call_says_so(self):
        server = Server(real_model(), "--chat-template", "gemma3")
        client = anthropic.Anthropic(base_url=server.url, api_key="none", max_retries=0)
        asked = {"model": server.name, "max_tokens": 4, "system": "a", "messages": [
            {"role": "user", "content": "b"}, user({"type": "text", "text": "c"})]}
        self.assertEqual(client.messages.create(**asked, thinking={"type": "adaptive"}).role, "assistant")
        for options in ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, {"tools": TOOLS}):
            with self.assertRaisesRegex(anthropic.BadRequestError, "this model"):
                client.messages.create(**asked, **options)
        client.close()
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
