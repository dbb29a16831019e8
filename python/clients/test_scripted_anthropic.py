"""Anthropic's official Python client on answers whose words matter: thinking, tools in a loop, stream events, cancel."""

import unittest

import anthropic
from scripted import LONG, call, says, think
from server import ScriptedServer

LOOK = {"name": "look", "description": "Looks somewhere", "input_schema": {
    "type": "object", "properties": {"where": {"type": "string"}, "how": {"type": "object"}}, "required": ["where"]}}
ARGUMENTS = {"where": "up \"there\"\n", "how": {"far": 1.5, "tags": ["a", "{b}"], "now": True, "then": None}}
THINKING = {"type": "enabled", "budget_tokens": 1024}


class Messages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = ScriptedServer()
        cls.client = anthropic.Anthropic(base_url=cls.server.url, api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        assert cls.server.stop() == 0

    def options(self, messages, **options):
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        return {"model": self.server.name, "max_tokens": 4096, "messages": messages, **options}

    def create(self, messages, **options):
        return self.client.messages.create(**self.options(messages, **options))

    def stream(self, messages, **options):
        return self.client.messages.stream(**self.options(messages, **options))

    def test_events_of_thinking_text_and_a_call(self):
        asked = self.options(says(think("Hm, hm.") + "I look." + call("look", **ARGUMENTS)),
                             tools=[LOOK], thinking=THINKING)
        with self.client.messages.stream(**asked) as stream:
            events = list(stream)
            final = stream.get_final_message()
        self.assertEqual([block.type for block in final.content], ["thinking", "text", "tool_use"])
        thought, text, made = final.content
        self.assertEqual((thought.thinking, text.text, made.name, made.input),
                         ("Hm, hm.", "I look.", "look", ARGUMENTS))
        self.assertTrue(thought.signature)
        self.assertEqual(final.stop_reason, "tool_use")
        joined = lambda kind, field: "".join(getattr(event, field) for event in events if event.type == kind)
        self.assertEqual(joined("thinking", "thinking"), "Hm, hm.")
        self.assertEqual(joined("text", "text"), "I look.")
        self.assertGreater(len([event for event in events if event.type == "input_json"]), 1)
        self.assertEqual([event.index for event in events if event.type == "content_block_stop"], [0, 1, 2])
        whole = self.create(**{key: asked[key] for key in ("messages", "tools", "thinking")})
        self.assertEqual([block.type for block in whole.content], [block.type for block in final.content])
        self.assertEqual((whole.usage, whole.content[2].input), (final.usage, ARGUMENTS))

    def test_tools_in_a_loop_with_thinking(self):
        messages = [{"role": "user", "content": says(
            think("I should look.") + call("look", where="up"),
            think("Once more.") + call("look", where="down") + call("look", where="back"),
            think("So that is it.") + "Blue.")}]
        for thought, places in (("I should look.", ["up"]), ("Once more.", ["down", "back"])):
            with self.stream(messages, tools=[LOOK], thinking=THINKING) as stream:
                answer = stream.get_final_message()
            self.assertEqual(answer.stop_reason, "tool_use")
            self.assertEqual(answer.content[0].thinking, thought)
            self.assertEqual([made.input["where"] for made in answer.content[1:]], places)
            messages += [{"role": "assistant", "content": answer.content}, {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": made.id, "content": "blue"} for made in answer.content[1:]]}]
        last = self.create(messages, tools=[LOOK], thinking=THINKING)
        self.assertEqual([block.type for block in last.content], ["thinking", "text"])
        self.assertEqual((last.content[0].thinking, last.content[1].text, last.stop_reason),
                         ("So that is it.", "Blue.", "end_turn"))

    def test_one_call_at_a_time(self):
        answer = self.create(says(call("look", where="a") + call("look", where="b")), tools=[LOOK],
                             tool_choice={"type": "auto", "disable_parallel_tool_use": True})
        self.assertEqual([made.input for made in answer.content], [{"where": "a"}])

    def test_the_client_runs_tools_by_itself(self):
        @anthropic.beta_tool
        def look(where: str) -> str:
            """Looks somewhere.

            Args:
                where: the place
            """
            return f"{where} is blue"

        runner = self.client.beta.messages.tool_runner(
            tools=[look], **self.options(says(call("look", where="up"), "Blue.")))
        answers = list(runner)
        self.assertEqual([answer.stop_reason for answer in answers], ["tool_use", "end_turn"])
        self.assertEqual(answers[-1].content[0].text, "Blue.")

    def test_a_stop_sequence_ends_the_answer(self):
        answer = self.create(says("one two three four"), stop_sequences=[" th"])
        self.assertEqual((answer.content[0].text, answer.stop_reason, answer.stop_sequence),
                         ("one two", "stop_sequence", " th"))

    def test_a_stream_closed_early_stops_the_model(self):
        with self.stream(LONG) as stream:
            for _ in range(4):
                next(stream)
            self.assertEqual(self.server.running(), 1)
        self.server.wait_until_idle()


if __name__ == "__main__":
    unittest.main()
