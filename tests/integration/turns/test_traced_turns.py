"""Turns that are approved, stopped or joined, as traces have them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from agents.tracing import set_trace_processors

from assistant import otel
from assistant.agent import configuration
from assistant.otel import agents_spans
from assistant.settings import TracingSettings
from tests.faults.scenes import asking_card, click, payments
from tests.integration.turns.conftest import ProcessMaker, begin_stalled
from tests.support.collector import Collector
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.turns import Client, creation

pytestmark = pytest.mark.anyio


@pytest.fixture
def collector() -> Iterator[Collector]:
    configuration._common.cache_clear()
    agents_spans._installed.clear()
    with Collector() as running:
        yield running
    # The processors are the process's.
    set_trace_processors([])
    agents_spans._installed.clear()
    configuration._common.cache_clear()


async def test_an_approved_call_is_a_span_of_the_turn_that_makes_it(
    process: ProcessMaker, provider: ProviderServer, collector: Collector
) -> None:
    here = process(tracing=TracingSettings(endpoint=collector.url), thread_titles=False)
    provider.script(Answer(ToolCall("pay", {"what": "hello"})))
    thread = await here.create("pay hello")
    provider.script(Answer(Text("paid")))
    await here.run(click(await asking_card(here, thread)))
    await otel.flush(60)
    assert await payments(here) == 1
    asked, approved = collector.named("invoke_workflow")
    assert asked.trace_id != approved.trace_id
    assert asked.attributes["session.id"] == approved.attributes["session.id"] == thread
    made = [span for span in collector.named("execute_tool pay") if span.trace_id == approved.trace_id]
    assert len(made) == 1
    assert [span.trace_id for span in collector.named("chat ")] == [asked.trace_id, approved.trace_id]


async def test_a_stopped_turn_is_no_failure_and_leaves_no_span_open(
    process: ProcessMaker, provider: ProviderServer, collector: Collector
) -> None:
    here = process(tracing=TracingSettings(endpoint=collector.url), thread_titles=False)
    turn = await begin_stalled(here, provider)
    assert await here.cancel(turn.thread_id)
    await turn.wait()
    # The agent's tasks end after the turn.
    await asyncio.sleep(0)
    await otel.flush(60)
    [root] = collector.named("invoke_workflow")
    assert (root.failed, root.attributes["chatkit.turn.outcome"]) == (False, "stopped")
    [call] = collector.named("chat ")
    assert not call.failed
    assert collector.named("invoke_agent")
    assert not agents_spans._spans._open


async def test_a_message_that_is_sent_twice_has_one_turn_and_a_joined_request(
    process: ProcessMaker, provider: ProviderServer, collector: Collector
) -> None:
    here = process(tracing=TracingSettings(endpoint=collector.url), thread_titles=False)
    provider.script(Answer(Text("one two three"), pause=0.05))
    request = creation("hello")
    first = await here.start(request)
    second = await here.start(request)
    for handle in (first, second):
        client = Client()
        async for event in handle.events():
            client.take(event)
    await first.wait()
    await otel.flush(60)
    outcomes = sorted(root.attributes["chatkit.turn.outcome"] for root in collector.named("invoke_workflow"))
    assert outcomes == ["done", "joined"]
