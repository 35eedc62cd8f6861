"""Mentions with @."""

from __future__ import annotations

import json

import pytest

from assistant.context import RequestContext, Resources
from assistant.errors import NotFoundError
from assistant.identity import Caller
from helpdesk import entity_to_input, preview_entity, search_entities
from helpdesk.records.tasks import Tasks
from tests.support.widget_schema import check_widget

pytestmark = pytest.mark.anyio


@pytest.fixture
async def context(resources: Resources, caller: Caller) -> RequestContext:
    tasks = Tasks(resources.table, caller)
    await tasks.add("Buy milk", "high")
    await tasks.add("Ask Zeeshan")
    return RequestContext(caller, resources)


async def test_tasks_and_people_are_found_by_a_part_of_their_name(context: RequestContext) -> None:
    found = await search_entities("zee", context)
    assert [(each["id"], each["title"], each["group"]) for each in found] == [
        ("task-2", "Ask Zeeshan", "Tasks"),
        ("employee-7", "Zeeshan", "People"),
    ]


@pytest.mark.parametrize("query", ["caf\u00e9 strasse", "cafe\u0301 Straße", "CAFE STRASSE"])
async def test_a_name_is_found_however_its_letters_are_written(context: RequestContext, query: str) -> None:
    await Tasks(context.resources.table, context.caller).add("Call Caf\u00e9 Straße")
    assert [each["id"] for each in await search_entities(query, context)] == ["task-3"]


async def test_an_empty_search_offers_everything_and_a_strange_one_nothing(context: RequestContext) -> None:
    assert len(await search_entities("", context)) == 6
    assert await search_entities("xyzzy", context) == []


async def test_a_preview_shows_the_facts(context: RequestContext) -> None:
    for entity_id, fact in (("task-1", "Priority: high"), ("employee-7", "Engineering")):
        widget = await preview_entity(entity_id, context)
        check_widget(widget)
        assert fact in json.dumps(widget.model_dump())


async def test_the_model_reads_the_callers_record_whatever_the_page_sent(context: RequestContext) -> None:
    assert await entity_to_input("task-1", context) == "task-1: Buy milk. Task #1, Priority: high, Status: pending"
    assert "Email" not in await entity_to_input("employee-7", context)
    admin = RequestContext(Caller("acme", "root", "admin"), context.resources)
    assert "zeeshan@example.com" in await entity_to_input("employee-7", admin)


@pytest.mark.parametrize(
    "entity_id",
    [
        "task-9",
        "employee-8",
        "invoice-501",
        "task-",
        "task--1",
        "task-٣",
        "",
        "task-1x",
        f"task-{'9' * 11}",
        f"employee-{'9' * 4301}",
    ],
)
async def test_what_does_not_exist_is_not_found(context: RequestContext, entity_id: str) -> None:
    with pytest.raises(NotFoundError):
        await entity_to_input(entity_id, context)
    with pytest.raises(NotFoundError):
        await preview_entity(entity_id, context)


async def test_another_user_does_not_find_my_tasks(context: RequestContext) -> None:
    other = RequestContext(Caller("acme", "bob"), context.resources)
    assert [each["group"] for each in await search_entities("", other)] == ["People"] * 4
    with pytest.raises(NotFoundError):
        await entity_to_input("task-1", other)
