"""An agent with a model object of its own, at the address in `OWN_MODEL_URL`."""

from __future__ import annotations

import os
from typing import Any

from agents import Agent, OpenAIChatCompletionsModel
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from assistant.settings import Settings


def build_agent(settings: Settings) -> Agent[Any]:
    """Return the agent."""
    # The client's default HTTP client closes itself when it is collected, which fails in the loop of a later test.
    client = AsyncOpenAI(
        base_url=os.environ["OWN_MODEL_URL"], api_key="own", max_retries=0, http_client=DefaultAsyncHttpxClient()
    )
    return Agent(name="Own", instructions="You help.", model=OpenAIChatCompletionsModel("own-model", client))
