"""Images and videos in chat through OpenAI's own client, against a random model with a vision tower."""

import base64
import os
import subprocess
import sys
import tempfile
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


def video(name: str, **options):
    return [{"role": "user", "content": [
        {"type": "video_url", "video_url": {"url": data_url(name), **options}},
        {"type": "text", "text": "What happens?"}]}]


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

    def test_usage_tells_what_each_image_cost(self):
        details = self.ask(turn("png_rgb.png", "jpeg_420.jpg")).usage.prompt_tokens_details
        media = details.media
        self.assertEqual([m["part"] for m in media], ["messages[0].content[1]", "messages[0].content[2]"])
        self.assertEqual(details.image_tokens, sum(m["tokens"] for m in media))
        self.assertEqual(media[0]["size"], "53x37")
        self.assertNotIn("notice", media[0])

    def test_tokenize_counts_what_chat_counts(self):
        messages = turn("png_rgb.png", detail="low") + [
            {"role": "assistant", "content": "a"}, *video("video_webp.webp", num_frames=3)]
        status, _, answer = self.server.post("/tokenize", {"messages": messages})
        self.assertEqual(status, 200)
        self.assertEqual(answer["count"], self.ask(messages).usage.prompt_tokens)

    def test_a_video_costs_its_frames_and_says_so(self):
        kinds = ("video_h264.mp4", "video_vp9.webm", "video_av1.mkv", "video_mpeg4.avi", "video_gif.gif")
        for name in kinds:
            usage = self.ask(video(name, num_frames=4)).usage
            seen = usage.prompt_tokens_details.media[0]
            self.assertEqual((seen["type"], seen["frames"]), ("video", 4), name)
            self.assertEqual(usage.prompt_tokens_details.video_tokens, seen["tokens"])
            self.assertTrue(4 * 50 < seen["tokens"] <= 4 * 72, name)
        first = self.ask(video(kinds[0], fps=2, start=0.5, end=1.5)).usage.prompt_tokens_details.media[0]
        self.assertEqual((first["frames"], first["seconds"]), (2, 1.0))

    def test_pictures_may_be_a_video(self):
        frames = [data_url(name) for name in ("png_rgb.png", "jpeg_420.jpg", "png_rgb.png")]
        messages = [{"role": "user", "content": [
            {"type": "text", "text": "What happens?"},
            {"type": "video_url", "video_url": {"frames": frames, "fps": 0.5}}]}]
        usage = self.ask(messages).usage.prompt_tokens_details
        self.assertEqual((usage.media[0]["frames"], usage.media[0]["seconds"]), (3, 6.0))
        _, _, tokens = self.server.post("/tokenize", {"messages": messages})
        _, _, text = self.server.post("/detokenize", {"tokens": tokens["tokens"]})
        for time in ("00:00 <|image>", " 00:02 <|image>", " 00:04 <|image>"):
            self.assertIn(time, text["prompt"])

    def test_media_that_fill_the_context_are_refused_early(self):
        many = turn(*["png_rgb.png"] * 40, detail="high")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.ask(many)
        self.assertEqual(caught.exception.code, "context_length_exceeded")

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

    def test_files_of_an_allowed_host_are_fetched(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        web = subprocess.Popen([sys.executable, ROOT / "tests/media_server.py", folder.name],
                               stdout=subprocess.PIPE, text=True)
        self.addCleanup(web.wait)
        self.addCleanup(web.stdout.close)
        self.addCleanup(web.kill)
        host = "127.0.0.1:" + web.stdout.readline().split()[0]
        server = Server(MODEL, "--chat-template", "gemma4", "--media-host", host, "--media-ca",
                        folder.name + "/trusted.pem")
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)

        def ask(picture, clip):
            return client.chat.completions.create(
                model=server.name, max_tokens=4, temperature=0, logprobs=True, messages=[{"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": picture}},
                    {"type": "video_url", "video_url": {"url": clip, "num_frames": 2}},
                    {"type": "text", "text": "What is it?"}]}])

        names = ("png_rgb.png", "video_vp9.webm")
        fetched = ask(*(f"https://{host}/file/{name}" for name in names))
        given = ask(*(data_url(name) for name in names))
        self.assertEqual(fetched.choices, given.choices)
        for address in (f"https://{host}/status/404", f"https://{host}/to?https://127.0.0.1:1/a.png",
                        "https://example.org/a.png", f"http://{host}/file/png_rgb.png"):
            with self.assertRaises(openai.BadRequestError) as caught:
                ask(address, data_url(names[1]))
            self.assertEqual(caught.exception.param, "messages[0].content[0]", address)
        self.assertEqual(server.stop(), 0)

    def test_media_flags_are_checked_before_the_model_loads(self):
        for flags, sentence in (
                (("--media-host", "https://images.example/"), "--media-host: 'https://images.example/' is no host"),
                (("--media-host", "169.254.169.254"), "never asked"),
                (("--media-private", "8.0.0.0/8"), "--media-private: 8.0.0.0/8 lies in none"),
                (("--media-ca", str(ROOT / "README.md")), "no certificate in PEM")):
            ran = subprocess.run([os.environ["GEMMA4"], "serve", *flags, "/no/model"], capture_output=True,
                                 text=True, timeout=60)
            self.assertEqual(ran.returncode, 1)
            self.assertIn(sentence, ran.stderr)


if __name__ == "__main__":
    unittest.main()
