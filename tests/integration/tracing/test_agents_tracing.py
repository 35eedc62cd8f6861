"""The Agents SDK's own tracing beside OpenTelemetry: its groups and metadata, and who gets its spans."""

from __future__ import annotations

from typing import Any

import pytest
from agents.tracing import Span, Trace, TracingProcessor, set_trace_processors

from assistant import otel
from assistant.observability import user_hash
from tests.integration.tracing.conftest import OpenThread
from tests.support.collector import Collector
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall

pytestmark = pytest.mark.anyio


class Processor(TracingProcessor):
    """Keeps traces and spans, as the SDK's exporter to OpenAI would get them."""

    def __init__(self) -> None:
        self.traces: list[dict[str, Any]] = []
        self.spans: list[Span[Any]] = []

    def on_trace_start(self, trace: Trace) -> None: ...

    def on_trace_end(self, trace: Trace) -> None:
        self.traces.append(trace.export() or {})

    def on_span_start(self, span: Span[Any]) -> None: ...

    def on_span_end(self, span: Span[Any]) -> None:
        self.spans.append(span)

    def shutdown(self) -> None: ...

    def force_flush(self) -> None: ...


@pytest.fixture
def processor() -> Processor:
    made = Processor()
    set_trace_processors([made])
    return made


@pytest.mark.parametrize("endpoint", [True, False])
async def test_every_run_of_a_turn_has_the_threads_group_and_the_turns_metadata(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector, processor: Processor, endpoint: bool
) -> None:
    provider.script(
        Answer(ToolCall("transfer_to_general", {})),
        Answer(ToolCall("draft_message", {"task": "a letter"})),
        Answer(Text("Dear")),
        Answer(Text("Here it is.")),
    )
    off = {} if endpoint else {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}
    thread = open_thread(AGENTS_TRACING="true", **off)
    await thread.say("Write a letter.")
    await otel.flush(60)
    assert processor.traces
    for trace in processor.traces:
        assert trace["group_id"] == thread.thread_id
        assert trace["metadata"]["tenant_id"] == "local"
        assert trace["metadata"]["user_hash"] == user_hash("local", "guest", "")
        assert trace["metadata"]["turn_id"].startswith("turn_")
    assert bool(collector.spans) is endpoint
    if endpoint:
        [root] = collector.named("invoke_workflow")
        assert {trace["metadata"]["turn_id"] for trace in processor.traces} == {root.attributes["chatkit.turn.id"]}


async def test_without_agents_tracing_no_other_processor_gets_a_span(
    open_thread: OpenThread, collector: Collector, processor: Processor
) -> None:
    await open_thread().say("hello")
    await otel.flush(60)
    assert collector.named("invoke_agent")
    assert not processor.traces
    assert not processor.spans
