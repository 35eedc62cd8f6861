"""A request that is sent again after its process died: for 30 s it joins the lost turn, later it is a new request.

The clock of the later requests is set to a time after the end of the lost turn's lease.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from chatkit.types import StreamingReq

from assistant import clock
from assistant.turns import TurnHandle
from assistant.turns.service import RESEND_TIME
from tests.integration.turns.conftest import STALLING, ProcessMaker, die
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.turns import Client, Process, addition, creation, follow, retry, said_by_user, until

pytestmark = pytest.mark.anyio

SOON = RESEND_TIME / 2
AFTERWARDS = RESEND_TIME + timedelta(seconds=1)
LATE = timedelta(minutes=8)
ANSWER = Answer(Text("the new answer"))


class Lost:
    """A turn whose process was killed in the middle of its answer."""

    def __init__(self, process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.there = process()
        self._dying = process()
        self._provider = provider
        self._monkeypatch = monkeypatch

    async def begin(self, request: StreamingReq, key: str | None = None) -> TurnHandle:
        """Start the turn and kill its process."""
        self._provider.script(STALLING)
        handle = await self._dying.start(request, key=key)
        await until(handle.events(), Client(), "three")
        die(self._dying, self._monkeypatch)
        self._provider.script(ANSWER)
        self._lease = (await self.there.turn_row(handle.thread_id))["lease"]
        return handle

    def now_is(self, after: timedelta) -> Process:
        """Set the clock to this long after the end of the lease, and return a living process."""
        moment = datetime.fromtimestamp(self._lease, UTC) + after
        self._monkeypatch.setattr(clock, "now", lambda: moment)
        return self.there


@pytest.fixture
def lost(process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch) -> Lost:
    return Lost(process, provider, monkeypatch)


@pytest.mark.parametrize("seen", [False, True])
async def test_the_same_words_long_after_a_process_died_start_a_new_thread(lost: Lost, seen: bool) -> None:
    dead = await lost.begin(creation("hello"))
    there = lost.now_is(LATE)
    if seen:
        # A page that loads the old thread ends its turn.
        assert "incomplete" in str((await there.shown(dead.thread_id))[-1])
    new = await there.start(creation("hello"))
    assert (new.thread_id != dead.thread_id, new.turn_id != dead.turn_id) == (True, True)
    client = await follow(new)
    assert client.error is None
    assert client.text == "the new answer"
    assert said_by_user(await there.stored(dead.thread_id)) == ["hello"]


async def test_a_resend_joins_a_lost_turn_and_does_not_prolong_the_time_for_it(lost: Lost) -> None:
    dead = await lost.begin(creation("hello"))
    there = lost.now_is(SOON)
    joined = await there.start(creation("hello"))
    assert joined.turn_id == dead.turn_id
    error = (await follow(joined)).error
    assert error is not None
    assert error.allow_retry
    there = lost.now_is(RESEND_TIME - timedelta(seconds=1))
    assert (await there.start(creation("hello"))).turn_id == dead.turn_id
    there = lost.now_is(AFTERWARDS)
    assert (await there.start(creation("hello"))).thread_id != dead.thread_id


async def test_the_same_words_in_the_thread_of_a_lost_turn_are_a_new_message_later(lost: Lost) -> None:
    thread_id = await lost.there.create("before")
    request = addition(thread_id, "hello")
    dead = await lost.begin(request)
    assert (await lost.now_is(SOON).start(request)).turn_id == dead.turn_id
    there = lost.now_is(AFTERWARDS)
    client = await there.run(request)
    assert client.error is None
    assert client.text == "the new answer"
    assert said_by_user(await there.stored(thread_id)) == ["before", "hello", "hello"]


async def test_a_lost_retry_is_made_again_later(lost: Lost) -> None:
    thread_id = await lost.there.create("before")
    request = retry(thread_id, (await lost.there.user_message(thread_id)).id)
    dead = await lost.begin(request)
    assert (await lost.now_is(SOON).start(request)).turn_id == dead.turn_id
    there = lost.now_is(AFTERWARDS)
    client = await there.run(request)
    assert client.error is None
    items = await there.shown(thread_id)
    assert [item.type for item in items] == ["user_message", "assistant_message"]
    assert client.text == "the new answer"


async def test_a_clients_own_key_names_the_lost_turn_also_later(lost: Lost) -> None:
    dead = await lost.begin(creation("hello"), key="k1")
    for after in (SOON, LATE, timedelta(hours=23)):
        same = await lost.now_is(after).start(creation("hello"), key="k1")
        assert same.turn_id == dead.turn_id
        assert (await follow(same)).error is not None
    new = await lost.now_is(timedelta(days=1)).start(creation("hello"), key="k1")
    assert new.turn_id != dead.turn_id
