"""A user finds the own threads by words of messages and titles, and nobody else's."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from assistant import clock, takeover
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.identity import Caller
from assistant.search import finding, rebuild, rows
from assistant.threads import load_record, thread_store
from assistant.turns import take_over
from assistant.upkeep import account_data, erase, request_erasure, request_take_along, sweep, take_along
from tests.integration.search.conftest import SEARCH, MakePerson, Person

pytestmark = pytest.mark.anyio


async def words_rows(who: Person) -> list[str]:
    """Return the sort keys of the rows with words."""
    found = who.resources.table.rows(who.caller.partition, between=(keys.FIRST_SK, keys.LAST_SK), page=100)
    return [row["sk"] async for row in found if row["sk"].startswith(keys.WORDS_PREFIX)]


async def revisions(who: Person) -> dict[str, int]:
    """Return how often each row with words was written."""
    found = who.resources.table.rows(who.caller.partition, between=(keys.FIRST_SK, keys.LAST_SK), page=100)
    return {row["sk"]: row["revision"] async for row in found if row["sk"].startswith(keys.WORDS_PREFIX)}


async def test_messages_answers_and_titles_are_found_the_newest_thread_first(person: MakePerson) -> None:
    ann = person()
    first = await ann.says("!say The heron stands in the reeds", "Is it a Grey Heron?")
    second = await ann.says("Nothing about birds", "And herons fly")
    third = await ann.says("Titled")
    await third.post("threads.update", thread_id=third.thread_id, title="My heron's file")
    assert await ann.found("heron") == [third.thread_id, second.thread_id, first.thread_id]
    assert await ann.found("HER gréy") == [first.thread_id]
    assert await ann.found("reeds stands") == [first.thread_id]
    assert await ann.found("stork") == []
    hit = (await ann.search("grey"))["data"][0]
    newest = [item for item in await first.items() if item["type"] == "user_message"][-1]
    assert hit["item_id"] in {item["id"] for item in await first.items()}
    assert "".join(piece["text"] for piece in hit["snippet"]).count("Grey") >= 1
    assert {"text": "Grey", "match": True} in hit["snippet"]
    assert newest["id"]
    titled = (await ann.search("file"))["data"][0]
    assert (titled["title"], titled["item_id"], titled["snippet"]) == ("My heron's file", None, [])


async def test_nobody_finds_what_another_says_and_no_cursor_helps(person: MakePerson) -> None:
    ann, bob, other = person(), person("bob"), person(tenant="umbrella")
    for number in range(3):
        await ann.says(f"heron {number}")
    await other.says("heron elsewhere")
    assert await bob.found("heron") == []
    assert len(await other.found("heron")) == 1
    page = await ann.search("heron", limit=1)
    assert page["next"]
    for who in (bob, other):
        stolen = await who.http.get(SEARCH, params={"q": "heron", "after": page["next"]})
        assert stolen.status_code == 400
    changed = await ann.http.get(SEARCH, params={"q": "stork", "after": page["next"]})
    assert changed.status_code == 400
    for wrong in ({"q": ""}, {"q": "!?"}, {"q": "x" * 201}, {"q": "a", "after": "nonsense"}, {"q": "a", "limit": "x"}):
        assert (await ann.http.get(SEARCH, params=wrong)).status_code in (400, 422), wrong


async def test_pages_have_each_hit_once(person: MakePerson) -> None:
    ann = person()
    threads = [(await ann.says(f"heron number {number}")).thread_id for number in range(5)]
    seen: list[str] = []
    page = await ann.search("heron", limit=2)
    while True:
        seen += [hit["thread_id"] for hit in page["data"]]
        if page["next"] is None:
            break
        page = await ann.search("heron", limit=2, after=page["next"])
    assert seen == threads[::-1]


async def test_tool_results_and_other_hidden_text_are_not_found(person: MakePerson) -> None:
    ann = person()
    await ann.says("employee 7")
    assert await ann.found("employee")
    written = [row async for row in ann.resources.table.rows(ann.caller.partition, between=("W#", "W$"), page=9)]
    assert written
    hidden = await ann.found("assistant_id")
    assert hidden == []


async def test_a_deleted_thread_and_a_removed_message_are_found_no_more(person: MakePerson) -> None:
    ann = person()
    thread = await ann.says("heron", "stork")
    assert thread.thread_id is not None
    item = next(each for each in await thread.items() if each["type"] == "user_message")
    answers = [each["id"] for each in await thread.items() if each["type"] == "assistant_message"]
    for item_id in [item["id"], *answers]:
        await thread_store(ann.resources).delete_thread_item(thread.thread_id, item_id, ann.context)
    # The row has the words still, and the thread has them no more.
    assert await ann.found("heron") == []
    assert await ann.found("stork") == [thread.thread_id]
    await thread.post("threads.delete", thread_id=thread.thread_id)
    assert await ann.found("stork") == []
    assert await words_rows(ann) == []


async def test_without_the_setting_nothing_is_written_and_later_the_first_search_fills_in(
    person: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = person(HISTORY_SEARCH="false")
    assert (await before.http.get(SEARCH, params={"q": "heron"})).status_code == 404
    for number in range(3):
        await before.says(f"heron {number}")
    assert await words_rows(before) == []
    ann = person()
    monkeypatch.setattr(finding, "FILL_AT_ONCE", 1)
    first = await ann.search("heron")
    assert (len(first["data"]), first["complete"]) == (1, False)
    assert (await sweep(ann.resources)).failed == 0
    second = await ann.search("heron")
    assert (len(second["data"]), second["complete"]) == (3, True)


async def test_what_was_said_while_the_search_was_off_is_found_after_the_next_turn(person: MakePerson) -> None:
    ann, off = person(), person(HISTORY_SEARCH="false")
    thread = await ann.says("heron")
    thread.http = off.http
    await thread.say("stork")
    assert await ann.found("stork") == []
    thread.http = ann.http
    await thread.say("crane")
    assert (await sweep(ann.resources)).failed == 0
    assert await ann.found("stork crane heron") == [thread.thread_id]


async def test_what_was_said_while_the_search_was_off_is_found_when_it_is_on_again(
    person: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, off = person(), person(HISTORY_SEARCH="false")
    thread, other = await ann.says("heron"), await ann.says("heron too")
    await sweep(ann.resources)
    thread.http = off.http
    await thread.say("stork")
    await sweep(off.resources)
    monkeypatch.setattr(finding, "FILL_AT_ONCE", 1)
    # Before and after the next sweep: nothing needs another turn in the thread.
    assert await ann.search("stork") == {"data": [], "next": None, "complete": False}
    assert (await sweep(ann.resources)).failed == 0
    found = await ann.search("stork")
    assert ([hit["thread_id"] for hit in found["data"]], found["complete"]) == ([thread.thread_id], True)
    # From now on the words count as complete: no search and no sweep writes them again.
    before = await revisions(ann)
    assert len(before) == 2
    assert set(await ann.found("heron")) == {thread.thread_id, other.thread_id}
    await sweep(ann.resources)
    assert await revisions(ann) == before


async def test_words_that_are_rebuilt_during_a_turn_are_not_lost(person: MakePerson) -> None:
    ann = person()
    thread = await ann.says("heron")
    assert thread.thread_id is not None
    going = asyncio.create_task(thread.say("!slow 8"))
    await asyncio.sleep(0.3)
    for _ in range(2):
        await rebuild(ann.resources, ann.caller, thread.thread_id)
    await going
    assert await ann.found("word8 heron slow") == [thread.thread_id]


async def test_an_export_has_the_words_and_an_erasure_removes_them(person: MakePerson) -> None:
    ann, bob = person(), person("bob")
    await ann.says("heron")
    await bob.says("heron")
    account = (await account_data(ann.resources, ann.caller))["account"]
    assert [row for row in account if row["key"].startswith("W#") and "heron" in row["words"].split()]
    assert await erase(ann.resources, await request_erasure(ann.resources, ann.caller))
    assert await words_rows(ann) == []
    assert len(await bob.found("heron")) == 1


async def test_words_come_along_with_a_visitors_threads(person: MakePerson) -> None:
    visitor, user = person("visitor"), person("user")
    thread = await visitor.says("heron")
    source = Caller(visitor.caller.tenant_id, visitor.caller.user_id, visitor=True)
    assert await take_along(visitor.resources, await request_take_along(visitor.resources, source, user.caller))
    assert await words_rows(visitor) == []
    assert len(await words_rows(user)) == 1
    assert await user.found("heron") == [thread.thread_id]
    assert await visitor.found("heron") == []


async def test_words_of_expired_messages_go_with_the_sweep(person: MakePerson, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = person(RETENTION_DAYS="30")
    thread = await ann.says("!say heron")
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=20))
    await thread.say("!say stork")
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=32))
    assert await ann.found("heron") == []
    assert (await sweep(ann.resources)).failed == 0
    assert await ann.found("stork") == [thread.thread_id]
    (sk,) = await words_rows(ann)
    row = await ann.resources.table.get(Key(ann.caller.partition, sk))
    assert row is not None
    assert " heron" not in rows.index_text(row)
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(days=60))
    assert (await sweep(ann.resources)).failed == 0
    assert await words_rows(ann) == []


async def test_what_a_person_answers_is_found_after_the_sweep(person: MakePerson) -> None:
    ann = person(SUPPORT_ROLES="support")
    thread = await ann.says("heron")
    assert thread.thread_id is not None
    await takeover.ask(thread.thread_id, "A question.", ann.context)
    waiting = takeover.own_waiting(thread.thread_id, ann.context)
    staff = RequestContext(Caller(ann.caller.tenant_id, "sam", "support"), ann.resources)
    await takeover.take_over(waiting, staff)
    await takeover.say(waiting, "A stork stands there.", staff)
    assert (await sweep(ann.resources)).failed == 0
    assert await ann.found("stork heron") == [thread.thread_id]


async def test_the_answer_of_a_turn_that_another_process_has_ended_is_found_after_the_sweep(
    person: MakePerson,
) -> None:
    ann = person()
    thread = await ann.says("heron")
    assert thread.thread_id is not None
    going = asyncio.create_task(thread.say("!slow 200"))
    key = ann.caller.thread(thread.thread_id).turn_key
    while True:
        turn = load_record(await ann.resources.table.get(key))
        # The turn's own process may renew the lease in between.
        if turn is not None and turn.running and turn.partial and await take_over(ann.context, thread.thread_id, turn):
            break
        await asyncio.sleep(0.1)
    going.cancel()
    await asyncio.wait([going])
    assert (await sweep(ann.resources)).failed == 0
    assert await ann.found("word1 slow heron") == [thread.thread_id]


async def test_a_thread_that_is_deleted_during_a_search_is_no_hit(
    person: MakePerson, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = person()
    thread = await ann.says("heron")
    look = finding._look

    async def after_the_deletion(*given: Any) -> Any:
        assert (await thread.post("threads.delete", thread_id=thread.thread_id)).status_code == 200
        return await look(*given)

    monkeypatch.setattr(finding, "_look", after_the_deletion)
    assert await ann.found("heron") == []
    # A search that began before the deletion writes no words for the thread either.
    assert thread.thread_id is not None
    await rebuild(ann.resources, ann.caller, thread.thread_id)
    assert await words_rows(ann) == []


async def test_a_word_too_many_is_refused_and_not_ignored(person: MakePerson) -> None:
    ann = person()
    words = "one two three four five six seven eight"
    thread = await ann.says(f"!say {words}")
    assert await ann.found(words) == [thread.thread_id]
    answer = await ann.http.get(SEARCH, params={"q": f"{words} absent"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("limit", [-1, 0, 21, 1000])
async def test_a_limit_that_is_not_possible_is_refused_with_the_possible_ones(person: MakePerson, limit: int) -> None:
    answer = await person().http.get(SEARCH, params={"q": "heron", "limit": limit})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        400,
        "limit must be a whole number from 1 to 20.",
    )
