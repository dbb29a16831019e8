"""litellm's providers for OpenAI's, vLLM's and Anthropic's servers on scripted answers."""

import json
import os
import unittest

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # its table of prices is otherwise fetched

import litellm
from scripted import call, says, think
from server import ScriptedServer

LOOK = {"type": "function", "function": {"name": "look", "description": "Looks somewhere", "parameters": {
    "type": "object", "properties": {"where": {"type": "string"}}, "required": ["where"]}}}
litellm.suppress_debug_info = True


class LiteLLM(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = ScriptedServer()

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    def ask(self, provider, messages, **options):
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        base = self.server.url + ("" if provider == "anthropic" else "/v1")
        return litellm.completion(model=f"{provider}/{self.server.name}", api_base=base, api_key="none",
                                  messages=messages, max_retries=0, **options)

    def test_whole_and_stream(self):
        for provider in ("openai", "hosted_vllm", "anthropic"):
            whole = self.ask(provider, says("Hello, 世界."))
            self.assertEqual((whole.choices[0].message.content, whole.choices[0].finish_reason),
                             ("Hello, 世界.", "stop"), provider)
            chunks = list(self.ask(provider, says("Hello, 世界."), stream=True))
            self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), "Hello, 世界.")

    def test_tools_in_a_loop(self):
        for provider in ("openai", "hosted_vllm", "anthropic"):
            messages = [{"role": "user", "content": says(
                call("look", where="up") + call("look", where="down"), "Blue.")}]
            whole = self.ask(provider, messages, tools=[LOOK])
            chunks = list(self.ask(provider, messages, tools=[LOOK], stream=True))
            for answer in (whole, litellm.stream_chunk_builder(chunks)):
                message = answer.choices[0].message
                self.assertEqual(answer.choices[0].finish_reason, "tool_calls")
                self.assertEqual([json.loads(made.function.arguments) for made in message.tool_calls],
                                 [{"where": "up"}, {"where": "down"}], provider)
                results = [{"role": "tool", "tool_call_id": made.id, "content": "blue"} for made in message.tool_calls]
                last = self.ask(provider, [*messages, message.model_dump(), *results], tools=[LOOK])
                self.assertEqual(last.choices[0].message.content, "Blue.")

    def test_thoughts(self):
        asked = says(think("Hm.") + "Hello.")
        message = self.ask("hosted_vllm", asked, reasoning_effort="high").choices[0].message
        self.assertEqual((message.reasoning_content, message.content), ("Hm.", "Hello."))
        message = self.ask("anthropic", asked, thinking={"type": "enabled", "budget_tokens": 1024},
                           allowed_openai_params=["thinking"]).choices[0].message
        self.assertEqual((message.reasoning_content, message.content), ("Hm.", "Hello."))

    def test_errors_are_told(self):
        for provider in ("openai", "hosted_vllm", "anthropic"):
            with self.assertRaisesRegex(litellm.BadRequestError, "temperature"):
                self.ask(provider, "a", temperature=9)


if __name__ == "__main__":
    unittest.main()
