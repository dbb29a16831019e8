"""What tools probe before they talk: models, properties, health, and routes that a text model has not."""

import unittest

import anthropic
import openai
from server import TOY, Server


class Probes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(TOY, "--chat-template", "gemma4", "--name", "google/toy", "--context", "1024",
                            "--parallel", "3", "--api-key", "secret")
        cls.key = {"Authorization": "Bearer secret"}
        cls.client = openai.OpenAI(base_url=cls.server.url + "/v1", api_key="secret", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def test_health_needs_no_key(self):
        for path in ("/health", "/v1/health", "/ping"):
            status, _, body = self.server.get(path)
            self.assertEqual((status, body), (200, {"status": "ok"}), path)

    def test_models_of_openai(self):
        models = list(self.client.models.list())
        self.assertEqual([model.id for model in models], ["google/toy"])
        self.assertEqual(models[0].max_model_len, 1024)  # vLLM's
        self.assertEqual(models[0].meta["n_ctx_train"], 4096)  # llama-server's
        self.assertEqual(self.client.models.retrieve("google/toy"), models[0])

    def test_models_of_anthropic(self):
        with anthropic.Anthropic(base_url=self.server.url, api_key="secret", max_retries=0) as client:
            models = list(client.models.list())
            self.assertEqual([(model.id, model.type) for model in models], [("google/toy", "model")])
            self.assertEqual(client.models.retrieve("google/toy").created_at, models[0].created_at)
            self.assertEqual(models[0].created_at.timestamp(), self.client.models.retrieve("google/toy").created)

    def test_a_page_of_replicate_ends(self):
        body = self.server.get("/v1/models", self.key)[2]
        self.assertEqual((body["next"], len(body["results"])), (None, 1))

    def test_props(self):
        status, _, props = self.server.get("/props", self.key)
        self.assertEqual(status, 200)
        self.assertEqual(props["default_generation_settings"]["n_ctx"], 1024)
        self.assertEqual((props["total_slots"], props["model_path"]), (3, "google/toy"))
        self.assertTrue(props["chat_template_caps"]["supports_tool_calls"])
        self.assertEqual(props["modalities"], {"vision": False, "audio": False})
        self.assertNotIn("gemma4-moe", str(props))  # the folder it came from

    def test_what_a_text_model_has_not(self):
        calls = {
            "embeddings": lambda: self.client.embeddings.create(model="google/toy", input="a"),
            "images": lambda: self.client.images.generate(model="google/toy", prompt="a"),
            "speech": lambda: self.client.audio.speech.create(model="google/toy", input="a", voice="alloy"),
            "moderation": lambda: self.client.moderations.create(input="a"),
        }
        for what, call in calls.items():
            with self.subTest(what), self.assertRaises(openai.NotFoundError) as caught:
                call()
            self.assertEqual(caught.exception.code, "not_offered")
            self.assertIn("this model makes text only", caught.exception.message)
        status, _, body = self.server.post("/v1/nowhere", {}, self.key)
        self.assertEqual((status, body["error"]["type"]), (404, "invalid_request_error"))


if __name__ == "__main__":
    unittest.main()
