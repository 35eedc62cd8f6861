"""The agent of the turns' benchmark, on a model without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from agents import Agent, Model
from openai.types.responses import ResponseUsage
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from assistant.models.response_writer import ResponseWriter


@dataclass
class Words(Model):
    """A model that says a number of words at a pace, without a network. Each word is the time at which it is due."""

    count: int = 0
    pause: float = 0.0

    async def stream_response(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        """Stream the words."""
        writer = ResponseWriter("words")
        loop = asyncio.get_running_loop()
        began = loop.time()
        for event in (*writer.begin(), *writer.open_text()):
            yield event
        for number in range(self.count):
            for event in writer.text(f"{began + number * self.pause:.3f} "):
                yield event
            # What a provider's stream does too: the loop gets its turn between two deltas. By the clock, so that
            # an answer is as long on a busy machine.
            await asyncio.sleep(max(0.0, began + (number + 1) * self.pause - loop.time()))
        usage = ResponseUsage(
            input_tokens=1,
            output_tokens=1,
            total_tokens=2,
            input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
            output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
        )
        for event in (*writer.close_text(), *writer.complete(usage)):
            yield event

    async def get_response(self, *given: Any, **named: Any) -> Any:
        """Answer nothing: only streams are measured."""
        raise RuntimeError("only streams are measured")


MODEL = Words()


def build_agent(settings: object) -> Agent[Any]:
    """Return the agent of both subjects."""
    return Agent(name="Bench", instructions="You talk.", model=MODEL)
