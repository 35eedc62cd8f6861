"""A turn's DynamoDB cost: one hop before the model, few writes, the same cost in a thread of any length."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.context import Resources
from assistant.turns import lease
from benchmarks.store_meter import Cost
from benchmarks.store_subjects import Ours
from tests.integration.threads.conftest import MakeResources
from tests.support.conversations import new_thread, said, talk

pytestmark = pytest.mark.anyio

MESSAGE = {"content": [{"type": "input_text", "text": "Hello"}], "attachments": [], "inference_options": {}}


@pytest.fixture
def resources(make_resources: MakeResources, monkeypatch: pytest.MonkeyPatch) -> Resources:
    # An answer takes milliseconds; a busy machine must not add checkpoints to the count.
    monkeypatch.setattr(lease, "CHECKPOINT_SECONDS", 3600)
    monkeypatch.setattr(lease, "FLAG_POLL_SECONDS", 3600)
    return make_resources(AGENT_FACTORY="benchmarks.store_agent:build_agent")


async def turn_in_a_thread_of(count: int, ours: Ours) -> Cost:
    thread = new_thread()
    await ours.fill(thread, talk(thread.id, [f"Message {number}" for number in range(count)]))
    return await ours.do("threads.add_user_message", {"thread_id": thread.id, "input": MESSAGE})


async def test_a_turn_waits_for_one_hop_and_writes_twice(resources: Resources) -> None:
    ours = Ours(resources)
    new: dict[str, Any] = {"input": MESSAGE}
    # The first turn of a process also waits for the records that change the tenant's limits.
    first = await ours.do("threads.create", new)
    assert first.before_model is not None
    assert first.before_model[1] == 2
    for cost in (await ours.do("threads.create", new), await turn_in_a_thread_of(50, ours)):
        assert cost.before_model is not None
        calls, hops = cost.before_model
        assert (hops, calls <= 2) == (1, True)
        assert cost.writes == 2, "4 at the most: the claim and the end, each in one transaction"


@pytest.mark.parametrize("count", [700, pytest.param(10_000, marks=pytest.mark.exhaustive)])
async def test_a_turn_costs_the_same_in_a_thread_of_any_length(resources: Resources, count: int) -> None:
    ours = Ours(resources)
    await ours.do("threads.create", {"input": MESSAGE})
    short, long = await turn_in_a_thread_of(50, ours), await turn_in_a_thread_of(count, ours)
    # Concurrent calls may arrive in any order.
    assert sorted(long.operations) == sorted(short.operations)
    assert long.hops == short.hops
    assert long.read_units == pytest.approx(short.read_units, rel=0.1)
    assert long.write_units == pytest.approx(short.write_units, rel=0.1)


@pytest.mark.parametrize("operation", ["threads.get_by_id", "threads.list", "items.list"])
async def test_a_read_is_one_round_trip(resources: Resources, operation: str) -> None:
    ours = Ours(resources)
    thread = new_thread()
    await ours.fill(thread, [said(thread.id) for _ in range(200)])
    params = {} if operation == "threads.list" else {"thread_id": thread.id}
    cost = await ours.do(operation, params)
    assert (cost.round_trips, cost.writes) == (1, 0)
