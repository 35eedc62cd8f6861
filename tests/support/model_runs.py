"""Run an agent with the SDK's real Runner, and return its output and events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast

from agents import Agent, Model, RunConfig, Runner
from agents.items import TResponseInputItem

from assistant.settings import Secret, Settings


@dataclass
class Run:
    """What a run streamed, and how it ended.

    Attributes:
        deltas: The text deltas, in order.
        events: The types of all raw events.
        error: What it raised, if it did.
        items: The run's items as model input, after a round trip through JSON, as a store keeps them.
        total_tokens: Of all model calls together.
    """

    deltas: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    error: Exception | None = None
    items: list[Any] = field(default_factory=list)
    output: Any = None
    total_tokens: int = 0
    agent: str = ""

    @property
    def text(self) -> str:
        return "".join(self.deltas)


async def run_streamed(agent: Agent[Any], items: str | Sequence[Any], *, pause: float = 0.0) -> Run:
    """Run an agent on some input and take everything down.

    Args:
        agent: Who answers.
        items: Model input.
        pause: Seconds that the consumer takes for each event.
    """
    run = Run()
    given = items if isinstance(items, str) else cast(list[TResponseInputItem], list(items))
    result = Runner.run_streamed(agent, given, run_config=RunConfig(tracing_disabled=True))
    try:
        async for event in result.stream_events():
            await asyncio.sleep(pause)
            if event.type == "raw_response_event":
                run.events.append(event.data.type)
                if event.data.type == "response.output_text.delta":
                    run.deltas.append(event.data.delta)
    except asyncio.CancelledError:
        # As a turn does that is stopped: between two events the SDK would not notice.
        result.cancel()
        raise
    except Exception as error:
        run.error = error
    run.items = json.loads(json.dumps([item.to_input_item() for item in result.new_items]))
    run.output = result.final_output
    run.total_tokens = result.context_wrapper.usage.total_tokens
    run.agent = result.last_agent.name
    return run


def helper(model: Model, *tools: Any, **more: Any) -> Agent[Any]:
    """Return a small agent."""
    return Agent(name="Helper", instructions="You help.", model=model, tools=list(tools), **more)


def openai_settings(base_url: str, **more: Any) -> Settings:
    """Return settings for OpenAI at a base URL."""
    return Settings(llm_provider="openai", openai_api_key=Secret(value="sk-test"), openai_base_url=base_url, **more)


def gemini_settings(base_url: str, **more: Any) -> Settings:
    """Return settings for Gemini at a base URL."""
    return Settings(llm_provider="gemini", gemini_api_key=Secret(value="g-test"), gemini_base_url=base_url, **more)


def compatible_settings(base_url: str, **more: Any) -> Settings:
    """Return settings for a compatible server at a base URL."""
    return Settings(llm_provider="compatible", llm_base_url=base_url, llm_default_model="small-model", **more)


class Alone:
    """What a turn asks of a chain of models, for a model that takes the place of one."""

    tools_left_out = answered = False
    model_name = "demo"

    def raising_refusals(self) -> Self:
        """Return this model."""
        return self

    def without_fallback(self) -> Self:
        """Return this model."""
        return self

    def fallback(self) -> None:
        """There is none."""
