"""OpenAI's official Python client, unchanged but for the base URL."""

import unittest

import openai

from server import TOY, Server, real_model

PROMPT = "The capital of France is"


class Completions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(real_model())
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="none", max_retries=0)
        cls.model = cls.server.name

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def create(self, **options):
        options = {"model": self.model, "prompt": PROMPT, "max_tokens": 12, "temperature": 0, **options}
        return self.client.completions.create(**options)

    def test_models(self):
        models = list(self.client.models.list())
        self.assertEqual([m.id for m in models], [self.model])
        self.assertEqual(self.client.models.retrieve(self.model).id, self.model)

    def test_whole(self):
        answer = self.create()
        self.assertIn("France", answer.choices[0].text)
        self.assertEqual(answer.choices[0].finish_reason, "length")
        self.assertEqual(answer.usage.completion_tokens, 12)
        self.assertEqual(answer.usage.prompt_tokens, 6)  # <bos> and five words

    def test_stream_equals_whole(self):
        whole = self.create().choices[0].text
        chunks = list(self.create(stream=True, stream_options={"include_usage": True}))
        text = "".join(c.choices[0].text for c in chunks if c.choices)
        self.assertEqual(text, whole)
        self.assertEqual(chunks[-1].usage.completion_tokens, 12)
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices][-1], "length")

    def test_prompt_forms(self):
        ids = self.server.post("/tokenize", {"prompt": PROMPT})[2]["tokens"]
        one = self.create().choices[0].text
        self.assertEqual(self.create(prompt=ids).choices[0].text, one)
        several = self.create(prompt=[PROMPT, "One, two,"])
        self.assertEqual([c.index for c in several.choices], [0, 1])
        self.assertEqual(several.choices[0].text, one)
        self.assertEqual(self.create(prompt=[ids, ids]).choices[1].text, one)

    def test_n_and_seed(self):
        options = dict(temperature=1, seed=11, n=3, max_tokens=16)
        first, again = self.create(**options), self.create(**options)
        texts = [c.text for c in first.choices]
        self.assertEqual(texts, [c.text for c in again.choices])
        self.assertGreater(len(set(texts)), 1)

    def test_stop_string(self):
        whole = self.create(max_tokens=40).choices[0].text
        stop = whole[10:14]
        answer = self.create(max_tokens=40, stop=[stop])
        self.assertEqual(answer.choices[0].text, whole[: whole.index(stop)])
        self.assertEqual(answer.choices[0].finish_reason, "stop")

    def test_echo_and_logprobs(self):
        answer = self.create(echo=True, logprobs=2, max_tokens=3).choices[0]
        self.assertTrue(answer.text.startswith(PROMPT))
        logprobs = answer.logprobs
        self.assertIsNone(logprobs.token_logprobs[0])
        self.assertEqual(len(logprobs.tokens), 9)
        self.assertEqual(len(logprobs.text_offset), 9)
        for own, top in list(zip(logprobs.token_logprobs, logprobs.top_logprobs))[6:]:
            self.assertEqual(own, max(top.values()))  # greedy: bit-equal to the best
        score = self.create(echo=True, logprobs=1, max_tokens=0).choices[0]
        self.assertEqual(score.text, PROMPT)

    def test_vllm_extras(self):
        answer = self.create(max_tokens=4, extra_body={"prompt_logprobs": 1, "return_token_ids": True, "top_k": 1})
        choice = answer.choices[0].model_extra
        self.assertEqual(len(choice["token_ids"]), 4)
        self.assertEqual(len(choice["prompt_logprobs"]), 6)
        self.assertIsNone(choice["prompt_logprobs"][0])

    def test_logit_bias_forbids(self):
        first = self.create(max_tokens=1, extra_body={"return_token_ids": True}).choices[0]
        id = first.model_extra["token_ids"][0]
        other = self.create(max_tokens=1, logit_bias={str(id): -100}).choices[0]
        self.assertNotEqual(other.text, first.text)

    def test_errors(self):
        with self.assertRaises(openai.NotFoundError) as wrong:
            self.create(model="gpt-4")
        self.assertEqual(wrong.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.create(temperature=9)
        self.assertEqual(wrong.exception.param, "temperature")
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.create(prompt=[5] * 9000)
        self.assertEqual(wrong.exception.code, "context_length_exceeded")
        self.assertIn("9000", wrong.exception.message)
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.client.chat.completions.create(model=self.model, messages=[{"role": "user", "content": "Hi"}])
        self.assertIn("template", wrong.exception.message)
        self.assertTrue(wrong.exception.response.headers["x-request-id"])


class Chat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(TOY, "--chat-template", "gemma4", "--api-key", "sesame")
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="sesame", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def create(self, **options):
        messages = [{"role": "system", "content": "a"}, {"role": "user", "content": "b c"}]
        options = {"model": self.server.name, "messages": messages, "max_completion_tokens": 10, "seed": 3, **options}
        return self.client.chat.completions.create(**options)

    def test_whole_and_stream(self):
        whole = self.create(logprobs=True, top_logprobs=2)
        choice = whole.choices[0]
        self.assertEqual(choice.message.role, "assistant")
        self.assertIn(choice.finish_reason, ("stop", "length"))
        self.assertGreater(len(choice.logprobs.content), 0)
        chunks = list(self.create(stream=True, stream_options={"include_usage": True}))
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
        self.assertEqual(text, choice.message.content)
        self.assertEqual(chunks[-1].usage, whole.usage)

    def test_keys(self):
        stranger = openai.OpenAI(base_url=self.server.url + "/v1", api_key="guess", max_retries=0)
        with self.assertRaises(openai.AuthenticationError):
            stranger.models.list()
        stranger.close()
        self.assertEqual(self.server.get("/version")[0], 401)
        self.assertEqual(self.server.get("/health")[0], 200)

    def test_what_is_not_there_is_refused_by_name(self):
        with self.assertRaises(openai.BadRequestError) as wrong:
            self.create(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"contains": {}}}})
        self.assertEqual(wrong.exception.param, "response_format.json_schema.schema")
