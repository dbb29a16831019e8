"""The corpus of hostile files against a server that goes on talking: each costs an answer, and nothing else."""

import base64
import concurrent.futures
import os
import re
import threading
import time
import unittest
from pathlib import Path

from hostile import File, corpus
from hostile.file import golden
from server import ROOT, Server
from test_streams import Stream

MODEL = str(ROOT / "tests/golden/models/gemma4-vision")
PART = "messages[0].content[1]"
GOOD = File("good.png", golden("png_rgb.png"), "seen")
SECONDS_MAX = 35  # a decoder has 30
GAP_MAX = 5.0
GROWTH_MAX = 24 << 20


def question(file: File):
    kind = "video_url" if file.video else "image_url"
    source = {"url": "data:;base64," + base64.b64encode(file.data).decode()}
    return {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": kind, kind: source}]}
        ],
        "mm_processor_kwargs": {"max_soft_tokens": 70},
        "media_io_kwargs": {"video": {"num_frames": 2}},
        "max_tokens": 1,
        "temperature": 0,
        "logprobs": True,
    }


class Talk:
    """The same text over and over, streamed: every time the same words, and never a long silence."""

    def __init__(self, server: Server):
        self.server, self.over = server, threading.Event()
        self.body = {"prompt": "Once", "max_tokens": 2000, "seed": 3, "ignore_eos": True}
        self.alone = self.listen()
        self.gap, self.texts = 0.0, []

    def listen(self) -> str:
        last, parts, self.gap = time.monotonic(), [], 0.0
        stream = Stream(self.server, self.body)
        for event in stream.events():
            now = time.monotonic()
            self.gap, last = max(self.gap, now - last), now
            parts.append(event)
        stream.connection.close()
        # An id and a time of its own are in every event.
        return re.sub(rb'"(id|created)":[^,]*,', b"", b"\n".join(parts)).decode()

    def go_on(self):
        largest = 0.0
        while not self.over.is_set():
            self.texts.append(self.listen())
            largest = max(largest, self.gap)
        self.gap = largest


class HostileMedia(unittest.TestCase):
    def setUp(self):
        self.server = Server(MODEL, "--chat-template", "gemma4", "--parallel", "4")
        self.process = Path(f"/proc/{self.server.process.pid}")

    def tearDown(self):
        self.assertEqual(self.server.stop(), 0)

    def memory(self) -> int:
        return int(re.search(r"VmRSS:\s+(\d+) kB", (self.process / "status").read_text())[1]) << 10

    def descriptors(self) -> int:
        return len(os.listdir(self.process / "fd"))

    def decoders(self) -> list[str]:
        """Names of children; a dead one that nobody has asked after still counts. That of grammars stays."""
        pids = [pid for task in self.process.glob("task/*/children") for pid in task.read_text().split()]
        names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids]
        return [name for name in names if not name.startswith("gemma4-grammar")]

    def ask(self, file: File):
        """The status, and what the first token's score or the error is."""
        start = time.monotonic()
        status, _, answer = self.server.post("/v1/chat/completions", question(file))
        self.assertLess(time.monotonic() - start, SECONDS_MAX, file.name)
        if status == 200:
            return status, answer["choices"][0]["logprobs"]["content"][0]["logprob"]
        return status, answer["error"]

    def check(self, file: File):
        status, said = self.ask(file)
        allowed = {"seen": (200,), "refused": (400,), "either": (200, 400)}[file.expect]
        self.assertIn(status, allowed, (file.name, said))
        if status == 400:
            self.assertEqual(said["param"], PART, file.name)
            self.assertRegex(said["message"], re.escape(PART) + r": [ -~]{10,}", file.name)
            for excuse in ("crash", "wrong answer", "end with code"):  # clear, but none of these should be needed
                self.assertNotIn(excuse, said["message"], file.name)

    def at_rest(self) -> int:
        """Open descriptors, once connections have been closed and the next decoder waits."""
        deadline = time.monotonic() + 10
        while self.decoders() != ["gemma4-decoder"] or self.server.get("/ready")[2]["running"]:
            self.assertLess(time.monotonic(), deadline, self.decoders())
            time.sleep(0.05)
        time.sleep(0.2)
        return self.descriptors()

    def test_each_costs_an_answer_and_nothing_else(self):
        files = list(corpus())
        self.assertGreaterEqual(len({file.data for file in files}), 200)
        # Threads have their stacks, and caches of the engine what they may hold of small pictures.
        for file in [GOOD, *files[::20]]:
            self.check(file)
        good, descriptors, memory = self.ask(GOOD), self.at_rest(), self.memory()

        talk = Talk(self.server)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            talking = pool.submit(talk.go_on)
            start = time.monotonic()
            try:
                for file in files:
                    with self.subTest(file.name):
                        self.check(file)
            finally:
                talk.over.set()
            seconds = time.monotonic() - start
            talking.result()

        self.assertGreater(len(talk.texts), 1)
        self.assertEqual(set(talk.texts), {talk.alone})
        self.assertLess(talk.gap, GAP_MAX)
        self.assertEqual(self.ask(GOOD), good)
        self.assertEqual(self.at_rest(), descriptors)
        growth = self.memory() - memory
        self.assertLess(growth, GROWTH_MAX)
        print(
            f"{len(files)} files in {seconds:.0f} s; the largest gap in {len(talk.texts)} streams beside them "
            f"{talk.gap * 1000:.0f} ms; memory from {memory >> 20} MB by {growth / 2**20:.1f} MB"
        )


class NoDecoder(unittest.TestCase):
    def test_a_missing_decoder_is_no_fault_of_the_file(self):
        server = Server(MODEL, "--chat-template", "gemma4", G4_DECODER="/nowhere/gemma4-decoder")
        status, _, answer = server.post("/v1/chat/completions", question(GOOD))
        self.assertEqual((status, answer["error"]["type"]), (500, "server_error"))
        self.assertNotIn("nowhere", answer["error"]["message"])
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
