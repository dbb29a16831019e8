"""LangChain's ChatOpenAI on scripted answers."""

import unittest

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from scripted import call, says, think
from server import ScriptedServer


@tool
def look(where: str) -> str:
    """Looks somewhere."""
    return f"{where} is blue"


class LangChain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = ScriptedServer()
        cls.model = ChatOpenAI(model=cls.server.name, base_url=cls.server.url + "/v1", api_key="none", max_retries=0)

    @classmethod
    def tearDownClass(cls):
        cls.model.root_client.close()
        assert cls.server.stop() == 0

    def test_invoke(self):
        answer = self.model.invoke([("system", "Be brief."), ("human", says("Hello, 世界."))])
        self.assertEqual((answer.content, answer.response_metadata["finish_reason"]), ("Hello, 世界.", "stop"))
        self.assertGreater(answer.usage_metadata["output_tokens"], 1)

    def test_stream(self):
        chunks = list(self.model.stream(says("One, two, three."), stream_usage=True))
        self.assertEqual("".join(chunk.content for chunk in chunks), "One, two, three.")
        self.assertGreater(len([chunk for chunk in chunks if chunk.content]), 2)
        self.assertGreater(sum(chunks[1:], chunks[0]).usage_metadata["output_tokens"], 1)

    def test_tools_in_a_loop(self):
        model = self.model.bind_tools([look])
        messages = [HumanMessage(says(call("look", where="up") + call("look", where="down"), "Blue."))]
        whole = model.invoke(messages)
        chunks = list(model.stream(messages))
        streamed = sum(chunks[1:], chunks[0])
        for answer in (whole, streamed):
            self.assertEqual([made["args"] for made in answer.tool_calls], [{"where": "up"}, {"where": "down"}])
            results = [look.invoke(made) for made in answer.tool_calls]
            self.assertTrue(all(isinstance(result, ToolMessage) for result in results))
            self.assertEqual(model.invoke([*messages, answer, *results]).content, "Blue.")

    def test_responses_api(self):
        model = self.model.model_copy(update={"use_responses_api": True}).bind(reasoning={"effort": "high"})
        chunks = list(model.stream(says(think("Hm.") + "Hello.")))
        for answer in (model.invoke(says(think("Hm.") + "Hello.")), sum(chunks[1:], chunks[0])):
            self.assertEqual(answer.text, "Hello.")
            self.assertIn("reasoning", [block["type"] for block in answer.content])

    def test_errors_are_told(self):
        with self.assertRaisesRegex(Exception, "temperature"):
            self.model.invoke("a", temperature=9)


if __name__ == "__main__":
    unittest.main()
