"""A user's facts are exported, erased, expire, and come along when a visitor signs in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from assistant import clock
from assistant.aws import keys
from assistant.context import RequestContext, Resources
from assistant.errors import NotFoundError
from assistant.identity import Caller
from assistant.memory import (
    add_fact,
    change_fact,
    load_memory,
    moving,
    remove_fact,
    switch_memory,
    take_facts_along,
)
from assistant.memory import rows as memory_rows
from assistant.settings import load_settings
from assistant.upkeep import account_data, erase, erase_tenant, request_erasure, request_tenant_erasure
from tests.support.aws import Aws

pytestmark = pytest.mark.anyio


@pytest.fixture
def resources(aws_environment: Aws) -> Resources:
    return Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo")))


async def keep(resources: Resources, caller: Caller, *facts: str) -> None:
    """Keep facts of a user."""
    for fact in facts:
        await add_fact(fact, RequestContext(caller, resources), source="asked", thread_id="thr_1")


async def texts(resources: Resources, caller: Caller) -> Sequence[str]:
    """Return a user's facts, the oldest first."""
    return [fact.text for fact in (await load_memory(resources.table, caller)).facts]


async def rows(resources: Resources, caller: Caller) -> list[str]:
    """Return the sort keys of all rows in a user's partition."""
    found = resources.table.rows(caller.partition, between=(keys.FIRST_SK, keys.LAST_SK), page=100)
    return [row["sk"] async for row in found if row["sk"] != keys.LIVE_SK]


async def test_an_export_and_an_erasure_have_all_facts_of_one_user(resources: Resources) -> None:
    ann, bob = Caller("acme", "ann-erased"), Caller("acme", "bob-stays")
    await keep(resources, ann, "Likes herons.", "Likes storks.")
    await keep(resources, bob, "Likes cranes.")
    exported = json.dumps((await account_data(resources, ann))["account"])
    assert "Likes herons." in exported
    assert "Likes storks." in exported
    assert "cranes" not in exported
    assert await erase(resources, await request_erasure(resources, ann))
    assert await rows(resources, ann) == []
    assert await texts(resources, bob) == ["Likes cranes."]


async def test_a_tenant_s_erasure_finds_a_user_who_has_only_switched_the_memory_off(resources: Resources) -> None:
    ann, other = Caller("gone", "ann"), Caller("stays", "ann")
    for caller in (ann, other):
        await switch_memory(RequestContext(caller, resources), on=False)
    assert await erase_tenant(resources, await request_tenant_erasure(resources, "gone"))
    assert await rows(resources, ann) == []
    assert not (await load_memory(resources.table, other)).on


async def test_a_fact_expires_after_its_last_write_and_makes_room(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources.settings = replace(resources.settings, retention_days=30)
    monkeypatch.setattr(memory_rows, "MAX_FACTS", 2)
    ann = Caller("acme", "ann-expires")
    await keep(resources, ann, "Likes herons.", "Likes storks.")
    first = (await load_memory(resources.table, ann)).facts[0]
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=20))
    await change_fact(first.id, "Likes grey herons.", RequestContext(ann, resources))
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=40))
    assert await texts(resources, ann) == ["Likes grey herons."]
    await keep(resources, ann, "Likes cranes.")
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=60))
    with pytest.raises(NotFoundError):
        await change_fact(first.id, "Likes herons again.", RequestContext(ann, resources))
    assert await texts(resources, ann) == ["Likes cranes."]


async def test_a_visitor_s_facts_come_along_as_far_as_they_fit(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory_rows, moving):
        monkeypatch.setattr(module, "MAX_FACTS", 3)
    visitor, user = Caller("visitors", "v1", visitor=True), Caller("acme", "ann-takes")
    await keep(resources, visitor, "Old fact.", "Likes Herons.", "New fact.")
    await keep(resources, user, "Own fact.", "likes herons.")
    for _ in range(2):
        await take_facts_along(resources, visitor, user)
    assert sorted(await texts(resources, user)) == ["New fact.", "Own fact.", "likes herons."]
    assert await texts(resources, visitor) == []


async def test_a_user_whose_memory_is_off_takes_nothing_along(resources: Resources) -> None:
    visitor, user = Caller("visitors", "v2", visitor=True), Caller("acme", "ann-off")
    await keep(resources, visitor, "Likes herons.")
    await switch_memory(RequestContext(user, resources), on=False)
    await take_facts_along(resources, visitor, user)
    assert await texts(resources, user) == await texts(resources, visitor) == []


async def test_a_tenant_and_user_whose_names_meet_share_nothing(resources: Resources) -> None:
    await keep(resources, Caller("acme#ann", "x"), "Likes herons.")
    fact = (await load_memory(resources.table, Caller("acme#ann", "x"))).facts[0]
    stranger = Caller("acme", "ann#x")
    assert await texts(resources, stranger) == []
    await remove_fact(fact.id, RequestContext(stranger, resources))
    assert await texts(resources, Caller("acme#ann", "x")) == ["Likes herons."]
