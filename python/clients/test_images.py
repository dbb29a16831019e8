"""Images in chat through OpenAI's own client, against a random model with a vision tower."""

import base64
import unittest

import openai
from server import ROOT, Server, real_model

MODEL = str(ROOT / "tests/golden/models/gemma4-vision")
FILES = ROOT / "tests/golden/decode"


def data_url(name: str) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode((FILES / name).read_bytes()).decode()


def turn(*images, **source):
    parts = [{"type": "text", "text": "What is it?"}]
    return [{"role": "user", "content": parts + [
        {"type": "image_url", "image_url": {"url": data_url(name), **source}} for name in images]}]


class Images(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(MODEL, "--chat-template", "gemma4", "--parallel", "4")
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def ask(self, messages, **options):
        return self.client.chat.completions.create(model=self.server.name, messages=messages, max_tokens=8,
                                                   temperature=0, **options)

    def test_images_cost_tokens_by_budget(self):
        words = self.ask([{"role": "user", "content": "What is it?"}]).usage.prompt_tokens
        for detail, low, high in (("low", 40, 70), ("auto", 150, 280)):
            one = self.ask(turn("png_rgb.png", detail=detail)).usage.prompt_tokens - words - 2
            self.assertTrue(low < one <= high, (detail, one))
        two = self.ask(turn("png_rgb.png", "jpeg_420.jpg", detail="low")).usage.prompt_tokens
        self.assertGreater(two, words + 80)

    def test_the_pixels_matter_and_repeat(self):
        score = lambda name: self.ask(turn(name), logprobs=True).choices[0].logprobs.content[0].logprob
        first = score("png_rgb.png")
        self.assertEqual(first, score("png_rgb.png"))
        self.assertNotEqual(first, score("jpeg_cmyk.jpg"))

    def test_stream_equals_whole(self):
        whole = self.ask(turn("webp_lossy.webp", detail="low")).choices[0].message.content
        stream = self.ask(turn("webp_lossy.webp", detail="low"), stream=True)
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in stream), whole)

    def test_what_is_no_image_is_a_400_by_place(self):
        broken = base64.b64encode((FILES / "png_rgb.png").read_bytes()[:60]).decode()
        for url in ("data:;base64," + broken, "data:;base64,aGVsbG8=", "https://example.org/a.png"):
            with self.assertRaises(openai.BadRequestError) as caught:
                self.ask([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}])
            self.assertEqual(caught.exception.param, "messages[0].content[0]")

    def test_a_model_without_eyes_says_so(self):
        server = Server(real_model(), "--chat-template", "gemma3")
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
        with self.assertRaisesRegex(openai.BadRequestError, "text only"):
            client.chat.completions.create(model=server.name, messages=turn("png_rgb.png"))
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
