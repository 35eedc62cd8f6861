"""The sources of an answer."""

from __future__ import annotations

import pytest

from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from helpdesk import find_sources
from helpdesk.records.tasks import Tasks

pytestmark = pytest.mark.anyio


@pytest.fixture
async def context(resources: Resources, caller: Caller) -> RequestContext:
    await Tasks(resources.table, caller).add("Buy milk")
    return RequestContext(caller, resources)


async def test_links_of_the_help_centre_and_named_records_are_sources(context: RequestContext) -> None:
    text = "Employee 7 has task #1. See https://help.example.com/returns for more."
    found = await find_sources(text, context)
    assert [(each.source.type, each.source.title) for each in found] == [
        ("entity", "Zeeshan"),
        ("entity", "Buy milk"),
        ("url", "Returns and refunds"),
    ]
    assert [text[: each.index].split()[-1] for each in found] == ["7", "#1", "https://help.example.com/returns"]


async def test_a_missing_or_foreign_record_is_no_source(context: RequestContext) -> None:
    assert await find_sources("Employee 4711, task 2 and https://evil.example/returns", context) == []
    other = RequestContext(Caller("acme", "bob"), context.resources)
    assert await find_sources("task 1", other) == []


async def test_a_record_is_noted_once_and_a_long_list_not_at_all_entries(context: RequestContext) -> None:
    assert len(await find_sources("task 1, again task 1", context)) == 1
    many = ", ".join(f"employee {number}" for number in range(1, 20))
    assert [each.source.title for each in await find_sources(many, context)] == ["Amara Osei", "Lena Fischer"]
