"""Many requests at once, clients that leave, a full queue, and SIGTERM in the middle of it."""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
import unittest

from server import Server, real_model

PROMPTS = [
    ("The capital of France is", 24),
    ("Once upon a time, in a village by the sea, there lived", 60),
    ("1, 2, 3, 4,", 16),
    ("def fibonacci(n):", 40),
    ("Der schnelle braune Fuchs", 32),
    ("In the beginning " * 60, 20),  # a prompt of several hundred tokens
    ("Water boils at", 8),
    ("The three primary colours are", 48),
]


def request(prompt, tokens, **options):
    return {"prompt": prompt, "max_tokens": tokens, "seed": len(prompt), "ignore_eos": True, **options}


class Stream:
    """One streamed completion, read line by line."""

    def __init__(self, server, body):
        host = server.url.removeprefix("http://")
        self.connection = http.client.HTTPConnection(host, timeout=120)
        self.connection.request("POST", "/v1/completions", json.dumps({**body, "stream": True}),
                                {"Content-Type": "application/json"})
        self.answer = self.connection.getresponse()

    def events(self):
        for line in self.answer:
            if line.startswith(b"data: "):
                yield line[6:].strip()

    def text(self):
        """The joined text and the finish reason; both only if the stream ended properly."""
        parts, reason, done = [], None, False
        for event in self.events():
            if event == b"[DONE]":
                done = True
                continue
            choice = json.loads(event)["choices"][0]
            parts.append(choice["text"])
            reason = choice["finish_reason"] or reason
        self.connection.close()
        if not done:
            raise RuntimeError("the stream has no [DONE]")
        return "".join(parts), reason

    def leave(self):
        self.answer.close()
        self.connection.close()


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(real_model(), "--parallel", "8")

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def alone(self, body):
        status, _, answer = self.server.post("/v1/completions", body)
        self.assertEqual(status, 200, answer)
        return answer["choices"][0]["text"], answer["choices"][0]["finish_reason"]

    def test_eight_at_once_equal_alone(self):
        bodies = [request(prompt, tokens) for prompt, tokens in PROMPTS]
        stop = self.alone(bodies[1])[0][40:46]
        bodies[1]["stop"] = [stop]
        want = [self.alone(body) for body in bodies]
        self.assertEqual(want[1][1], "stop")
        got = [None] * len(bodies)

        def run(i):
            stream = Stream(self.server, bodies[i])
            if i == 3:  # this one leaves after its first words
                next(stream.events())
                stream.leave()
                got[i] = want[i]
            else:
                got[i] = stream.text()

        threads = [threading.Thread(target=run, args=(i,)) for i in range(len(bodies))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(got, want)

    def test_generation_stops_when_the_client_leaves(self):
        stream = Stream(self.server, request("Once", 4000))
        next(stream.events())
        self.assertEqual(self.server.running(), 1)
        stream.leave()
        self.server.wait_until_idle()


class FullHouse(unittest.TestCase):
    def test_queue_is_bounded(self):
        server = Server(real_model(), "--parallel", "1", "--queue", "4")
        status, _, body = server.post("/v1/completions", request("Never", 2, n=6))
        self.assertEqual((status, body["error"]["param"]), (400, "n"), body)  # no use in trying again
        streams = [Stream(server, request("Once", 4000))]
        next(streams[0].events())
        waiting = []
        for _ in range(4):
            connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
            connection.request("POST", "/v1/completions", json.dumps(request("Two", 2)),
                               {"Content-Type": "application/json"})
            waiting.append(connection)
        deadline = time.monotonic() + 10
        while server.get("/ready")[2]["waiting"] < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        status, headers, body = server.post("/v1/completions", request("Three", 2))
        self.assertEqual(status, 429, body)
        self.assertTrue(headers["Retry-After"])
        for connection in waiting:
            connection.close()
        streams[0].leave()
        self.assertEqual(server.stop(), 0)


class Termination(unittest.TestCase):
    def test_streams_finish_within_the_grace(self):
        server = Server(real_model())
        streams = [Stream(server, request(prompt, 60)) for prompt, _ in PROMPTS[:4]]
        for stream in streams:
            next(stream.events())
        server.terminate()
        for stream in streams:
            self.assertEqual(stream.text()[1], "length")
        self.assertEqual(server.stop(), 0)

    def test_streams_that_cannot_finish_end_visibly_broken(self):
        server = Server(real_model(), "--drain-seconds", "1")
        stream = Stream(server, request("Once", 8000))
        next(stream.events())
        server.terminate()
        with self.assertRaises((RuntimeError, http.client.HTTPException, OSError)):
            stream.text()
        self.assertEqual(server.stop(), 0)

    def test_told_twice_it_ends_at_once(self):
        server = Server(real_model())
        stream = Stream(server, request("Once", 8000))
        next(stream.events())
        server.terminate()
        time.sleep(0.3)
        self.assertIsNone(server.process.poll())
        server.terminate()
        self.assertEqual(server.process.wait(timeout=5), 128 + signal.SIGTERM)
        server.stop()

    def test_while_it_loads_it_ends_at_once(self):
        # A load is short: met too early (the program has just begun) or too late, it is tried again.
        for attempt in range(1, 40):
            process = subprocess.Popen([os.environ["GEMMA4"], "serve", real_model(), "--port", "0", "--quiet"],
                                       stdout=subprocess.PIPE)
            time.sleep(0.01 * attempt)
            process.terminate()
            said, _ = process.communicate(timeout=10)
            if not said and process.returncode == 128 + signal.SIGTERM:
                return
        self.fail(f"never met in its load; at last {said!r}, exit code {process.returncode}")


if __name__ == "__main__":
    unittest.main()
