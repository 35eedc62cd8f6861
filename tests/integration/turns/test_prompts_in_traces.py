"""What the Agents SDK's tracing, which uploads to OpenAI, gets of anybody's words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from agents.tracing import Span, Trace, TracingProcessor, set_trace_processors

from tests.integration.turns.conftest import ProcessMaker
from tests.support import desk
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.turns import creation

pytestmark = pytest.mark.anyio


class Collector(TracingProcessor):
    """Keeps what would be uploaded."""

    def __init__(self) -> None:
        self.exported: list[dict[str, Any] | None] = []

    def on_trace_start(self, trace: Trace) -> None: ...

    def on_trace_end(self, trace: Trace) -> None:
        self.exported.append(trace.export())

    def on_span_start(self, span: Span[Any]) -> None: ...

    def on_span_end(self, span: Span[Any]) -> None:
        self.exported.append(span.export())

    def shutdown(self) -> None: ...

    def force_flush(self) -> None: ...


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    set_trace_processors([made])
    yield made
    set_trace_processors([])


@pytest.mark.parametrize("log_content", [False, True])
async def test_the_runs_of_a_turn_trace_its_words_only_where_they_may_be_logged(
    process: ProcessMaker, provider: ProviderServer, collector: Collector, log_content: bool
) -> None:
    """A turn is several runs: the agent's, the title's, and here a tool's own, whose prompt is the tool's argument."""
    provider.script(
        Answer(ToolCall("transfer_to_general", {})),
        Answer(ToolCall("draft_message", {"task": "a letter to the heron"})),
        Answer(Text("Dear heron")),
        Answer(Text("Here it is.")),
    )
    here = process(agent_factory=desk.FACTORY, agents_tracing=True, log_content=log_content)
    client = await here.run(creation("Write a letter to the heron."))
    assert [item.copy_text for item in client.items.values() if item.type == "widget"] == ["Dear heron"]
    generations = [each for each in collector.exported if "generation" in str(each)]
    assert len(generations) == 4
    assert ("heron" in json.dumps(collector.exported)) is log_content
