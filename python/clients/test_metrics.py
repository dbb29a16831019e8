"""GET /metrics, read by Prometheus' own Python parser: what requests of every fate add to it."""

import json
import socket
import time
import unittest
import urllib.request

from prometheus_client.parser import text_string_to_metric_families
from server import TOY, Server, real_model

ENDLESS = {"prompt": "a b c", "ignore_eos": True, "stream": True}  # until the context is full


class Case(unittest.TestCase):
    MODEL = TOY

    def setUp(self):
        self.server = Server(self.MODEL, "--chat-template", "gemma4", "--parallel", "1", "--queue", "1",
                             "--context", "2048")

    def tearDown(self):
        assert self.server.stop() == 0

    def scrape(self) -> dict:
        """Samples by name and labels without the two that all of vLLM's have."""
        with urllib.request.urlopen(self.server.url + "/metrics", timeout=30) as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            text = answer.read().decode()
        samples = {}
        for family in text_string_to_metric_families(text):
            self.assertTrue(family.documentation, family.name)
            self.assertIn(family.type, ("counter", "gauge", "histogram"), family.name)
            for sample in family.samples:
                labels = dict(sample.labels)
                if sample.name.startswith("vllm:"):
                    self.assertEqual((labels.pop("model_name"), labels.pop("engine")), (self.server.name, "0"))
                key = sample.name + "".join(f" {name}={value}" for name, value in sorted(labels.items()))
                self.assertNotIn(key, samples)
                samples[key] = sample.value
        return samples

    def wait_for(self, key: str, value: float) -> dict:
        end = time.monotonic() + 60
        while (samples := self.scrape()).get(key) != value:
            self.assertLess(time.monotonic(), end, f"{key} is {samples.get(key)}, not {value}")
            time.sleep(0.02)
        return samples


class Metrics(Case):
    def test_a_fresh_server_has_every_series(self):
        samples = self.scrape()
        for name in ("g4_requests_running", "vllm:num_requests_waiting", "vllm:kv_cache_usage_perc",
                     "vllm:generation_tokens_total", "vllm:time_to_first_token_seconds_count",
                     "vllm:request_success_total finished_reason=abort", "g4_requests_refused_total reason=queue_full",
                     "g4_requests_finished_total reason=tool_calls",
                     "g4_http_requests_total route=/v1/chat/completions status=2xx"):
            self.assertEqual(samples[name], 0, name)
        self.assertGreater(samples["g4_kv_blocks pool=global"], 0)
        self.assertEqual([value for name, value in samples.items() if name.startswith("vllm:cache_config_info")], [1])

    def test_finished_answers(self):
        text = self.server.post("/v1/completions", {"prompt": "a b c", "max_tokens": 9, "ignore_eos": True})[2]
        self.server.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}], "max_tokens": 4,
                                                  "ignore_eos": True, "n": 2})
        # A request counts when the last byte of its answer is out, a moment after its client has it.
        samples = self.wait_for("g4_http_requests_total route=/v1/completions status=2xx", 1)
        self.assertEqual(samples["g4_requests_finished_total reason=length"], 3)
        self.assertEqual(samples["vllm:request_success_total finished_reason=length"], 3)
        self.assertEqual(samples["vllm:generation_tokens_total"], 9 + 2 * 4)
        self.assertEqual(samples["vllm:request_generation_tokens_sum"], 9 + 2 * 4)
        self.assertGreater(samples["vllm:prompt_tokens_total"], text["usage"]["prompt_tokens"])
        self.assertEqual(samples["vllm:prompt_tokens_total"], samples["vllm:request_prompt_tokens_sum"])
        self.assertEqual(samples["vllm:inter_token_latency_seconds_count"], 8 + 2 * 3)
        for name in ("time_to_first_token", "e2e_request_latency", "request_queue_time", "request_prefill_time",
                     "request_decode_time", "request_inference_time", "request_time_per_output_token"):
            self.assertEqual(samples[f"vllm:{name}_seconds_count"], 3, name)
        parts = sum(samples[f"vllm:request_{part}_time_seconds_sum"] for part in ("queue", "prefill", "decode"))
        self.assertLessEqual(parts, samples["vllm:e2e_request_latency_seconds_sum"] + 1e-6)
        self.assertGreater(samples["vllm:time_to_first_token_seconds_sum"], 0)
        self.assertEqual(samples["vllm:num_requests_running"], 0)
        self.assertEqual(samples["vllm:kv_cache_usage_perc"], 0)

    def test_requests_that_cannot_fit(self):
        self.assertEqual(self.server.post("/v1/completions", {"prompt": [5] * 3000})[0], 400)
        self.assertEqual(self.server.post("/v1/completions", {"prompt": "a", "temperature": "hot"})[0], 400)
        samples = self.scrape()
        self.assertEqual(samples["g4_requests_refused_total reason=too_long"], 1)
        self.wait_for("g4_http_requests_total route=/v1/completions status=4xx", 2)


class OneAtATime(Case):
    MODEL = real_model()  # slow enough to be looked at while it answers

    def open_stream(self) -> socket.socket:
        """An endless answer that has begun."""
        body = json.dumps(ENDLESS).encode()
        host, port = self.server.url.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)), timeout=60)
        client.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 200 "))
        return client

    def test_running_waiting_refused_and_cancelled(self):
        with self.open_stream() as first:
            running = self.wait_for("vllm:num_requests_running", 1)
            self.assertGreater(running["vllm:kv_cache_usage_perc"], 0)
            self.assertGreater(running["g4_kv_blocks_used pool=global"], 0)
            second = self.open_stream()
            self.wait_for("vllm:num_requests_waiting", 1)
            status, _, body = self.server.post("/v1/completions", {"prompt": "a"})
            self.assertEqual((status, body["error"]["code"]), (429, "queue_full"))
            second.close()
            samples = self.wait_for("vllm:num_requests_waiting", 0)
            self.assertEqual(samples["vllm:num_requests_running"], 1)
            self.assertEqual(samples["g4_requests_refused_total reason=queue_full"], 1)
            # It left before its first token: no time of its parts is known.
            self.assertEqual(samples["vllm:request_queue_time_seconds_count"], 0)
            first.recv(4096)
        samples = self.wait_for("vllm:request_success_total finished_reason=abort", 2)
        self.assertEqual(samples["g4_requests_finished_total reason=cancelled"], 2)
        self.assertEqual(samples["vllm:time_to_first_token_seconds_count"], 1)
        self.wait_for("g4_http_requests_total route=/v1/completions status=4xx", 1)


class Keys(unittest.TestCase):
    def test_metrics_ask_for_the_key(self):
        server = Server(TOY, "--api-key", "secret")
        try:
            self.assertEqual(server.get("/metrics")[0], 401)
            request = urllib.request.Request(server.url + "/metrics", headers={"Authorization": "Bearer secret"})
            with urllib.request.urlopen(request, timeout=30) as answer:
                self.assertIn(b"\ng4_requests_running 0\n", answer.read())
        finally:
            self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
