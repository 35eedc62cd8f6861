"""A search over as many threads as a busy user has."""

from __future__ import annotations

import pytest

from assistant.search import finding
from tests.integration.search.conftest import MakePerson
from tests.support.faults import failing
from tests.support.many_threads import write_threads

pytestmark = pytest.mark.anyio


async def over(person: MakePerson, count: int) -> None:
    """Search this many threads for the first and the last one, and for all, page by page."""
    ann = person()
    threads = await write_threads(ann.resources, ann.caller, count, messages_each=4)
    for number in (0, count // 2, count - 1):
        with failing(ann.resources.table.client, None) as calls:
            # `thread1` is also the start of `thread10`.
            assert threads[number] in await ann.found(f"thread{number} title")
        assert len(calls.seen) <= 4 * (count // finding.PAGE_THREADS + 2)
    seen: list[str] = []
    page = await ann.search("thread", limit=finding.MAX_HITS)
    while True:
        seen += [hit["thread_id"] for hit in page["data"]]
        if page["next"] is None:
            break
        page = await ann.search("thread", limit=finding.MAX_HITS, after=page["next"])
    assert seen == threads[::-1]


async def test_a_search_goes_on_where_its_limit_of_threads_ended_it(
    person: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FIRST_PAGE_THREADS", "PAGE_THREADS"):
        monkeypatch.setattr(finding, name, 10)
    monkeypatch.setattr(finding, "MAX_THREADS", 25)
    ann = person()
    threads = await write_threads(ann.resources, ann.caller, 60, messages_each=2)
    first = await ann.search("thread0")
    assert first["data"] == []
    found: list[str] = []
    page = first
    while page["next"] is not None:
        page = await ann.search("thread0", after=page["next"])
        found += [hit["thread_id"] for hit in page["data"]]
    assert found == threads[:1]


@pytest.mark.exhaustive
async def test_each_of_two_thousand_threads_is_found(person: MakePerson) -> None:
    await over(person, 2_000)
