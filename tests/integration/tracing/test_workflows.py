"""An exported workflow in a trace: its own `trace(...)` and the agents of its steps are part of the turn's trace."""

from __future__ import annotations

import pytest

from assistant import otel
from tests.integration.tracing.conftest import OpenThread
from tests.integration.tracing.test_agents_tracing import Processor, processor
from tests.support.collector import Collector
from tests.support.provider_server import Answer, ProviderServer, Text

__all__ = ["processor"]

pytestmark = pytest.mark.anyio

FACTORY = "tests.exports.planning:build_agent"


def script(provider: ProviderServer) -> None:
    provider.script(Answer(Text('{"has_all_details": false}')), Answer(Text("When?")))


async def test_the_agents_of_the_steps_are_spans_below_the_turn(
    open_thread: OpenThread, provider: ProviderServer, collector: Collector
) -> None:
    script(provider)
    assert await open_thread(AGENT_FACTORY=FACTORY).say("Plan a trip") == "When?"
    await otel.flush(60)
    [root] = collector.named("invoke_workflow")
    agents = collector.named("invoke_agent")
    assert [span.name for span in agents] == ["invoke_agent Triage", "invoke_agent Get data"]
    assert {span.trace_id for span in agents} == {root.trace_id}


async def test_the_exports_trace_has_the_threads_group_and_both_metadata(
    open_thread: OpenThread, provider: ProviderServer, processor: Processor
) -> None:
    script(provider)
    thread = open_thread(AGENT_FACTORY=FACTORY, AGENTS_TRACING="true", OTEL_EXPORTER_OTLP_ENDPOINT="")
    await thread.say("Plan a trip")
    [trace] = [each for each in processor.traces if each["workflow_name"] == "Planning helper"]
    assert trace["group_id"] == thread.thread_id
    assert trace["metadata"]["turn_id"].startswith("turn_")
    names = [span.span_data.export()["name"] for span in processor.spans if span.span_data.type == "agent"]
    assert names == ["Triage", "Get data"]


async def test_without_tracing_the_exports_trace_sends_nothing(
    open_thread: OpenThread, provider: ProviderServer, processor: Processor
) -> None:
    script(provider)
    await open_thread(AGENT_FACTORY=FACTORY, OTEL_EXPORTER_OTLP_ENDPOINT="").say("Plan a trip")
    assert not processor.traces
    assert not processor.spans
