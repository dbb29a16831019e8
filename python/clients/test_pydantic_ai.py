"""pydantic-ai on scripted answers: an agent with a tool."""

import asyncio
import unittest

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider
from scripted import call, says
from server import ScriptedServer


class Agents(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = ScriptedServer()

    @classmethod
    def tearDownClass(cls):
        assert cls.server.stop() == 0

    async def asyncSetUp(self):  # each test has an event loop of its own
        asyncio.get_running_loop().set_debug(False)  # it tells of whatever takes 0.1 s
        self.provider = OpenAIProvider(base_url=self.server.url + "/v1", api_key="none")
        self.model = OpenAIChatModel(self.server.name, provider=self.provider)

    async def asyncTearDown(self):
        await self.provider.client.close()

    def agent(self, model=None, **options):
        agent = Agent(model or self.model, **options)
        agent.looked = []

        @agent.tool_plain
        def look(where: str) -> str:
            """Looks somewhere."""
            agent.looked.append(where)
            return f"{where} is blue"

        return agent

    LOOKS = says(call("look", where="up") + call("look", where="down"), call("look", where="back"), "All is blue.")

    async def test_an_agent_with_a_tool(self):
        agent = self.agent(instructions="Look around.")
        result = await agent.run(self.LOOKS)
        self.assertEqual(result.output, "All is blue.")
        self.assertEqual((sorted(agent.looked[:2]), agent.looked[2:]), (["down", "up"], ["back"]))
        self.assertEqual(result.usage.requests, 3)

    async def test_a_stream_of_an_agent(self):
        agent = self.agent()
        async with agent.run_stream(self.LOOKS) as stream:
            pieces = [piece async for piece in stream.stream_text(delta=True)]
        self.assertEqual("".join(pieces), "All is blue.")
        self.assertEqual(len(agent.looked), 3)

    async def test_over_the_responses_api(self):
        agent = self.agent(OpenAIResponsesModel(self.server.name, provider=self.provider))
        result = await agent.run(self.LOOKS)
        self.assertEqual((result.output, len(agent.looked)), ("All is blue.", 3))


if __name__ == "__main__":
    unittest.main()
