"""The event stream: its framing, its comments, and a turn whose client disconnects."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    ProgressUpdateEvent,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    ThreadStreamEvent,
)

from assistant.api import events
from assistant.api.events import EventStream, encode_event, encoded_events
from assistant.context import RequestContext, Resources
from assistant.errors import ModelUnavailableError
from assistant.identity import Caller
from assistant.settings import Settings
from tests.support.asgi import Call

pytestmark = pytest.mark.anyio

SETTINGS = Settings(auth_mode="guest")
CONTEXT = RequestContext(Caller("acme", "ann"), Resources(SETTINGS))


class Turn:
    """A turn that says what a test gives it, and ends when the test lets it."""

    turn_id = "turn_1"
    thread_id = "thr_1"
    error: BaseException | None = None

    def __init__(self, *said: ThreadStreamEvent | Exception | asyncio.Event) -> None:
        self._said = said
        self.stored = asyncio.Event()
        self.waited = False

    async def events(self) -> AsyncIterator[ThreadStreamEvent]:
        for each in self._said:
            if isinstance(each, asyncio.Event):
                await each.wait()
            elif isinstance(each, Exception):
                raise each
            else:
                yield each

    async def wait(self) -> None:
        await self.stored.wait()
        self.waited = True


def stream(turn: Turn, settings: Settings = SETTINGS) -> EventStream:
    return EventStream(turn, encoded_events(turn, CONTEXT), settings)


async def settle() -> None:
    """Let every task run until it waits for something."""
    for _ in range(10):
        await asyncio.sleep(0)


def progress(text: str) -> ProgressUpdateEvent:
    return ProgressUpdateEvent(text=text)


def test_an_event_is_framed_as_chatkit_s_server_does() -> None:
    item = AssistantMessageItem(
        id="msg_1",
        thread_id="thr_1",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        content=[AssistantMessageContent(text="line\nline")],
    )
    frame = encode_event(ThreadItemDoneEvent(item=item))
    assert frame.startswith(b"data: {")
    assert frame.endswith(b"}\n\n")
    assert frame.count(b"\n") == 2
    assert json.loads(frame[6:]) == {
        "type": "thread.item.done",
        "item": {
            "id": "msg_1",
            "thread_id": "thr_1",
            "created_at": "2026-11-01T00:00:00Z",
            "type": "assistant_message",
            "content": [{"type": "output_text", "text": "line\nline", "annotations": []}],
        },
    }


async def test_a_stream_has_its_headers_its_frames_and_an_end() -> None:
    turn = Turn(progress("one"), progress("two"))
    turn.stored.set()
    call = Call("POST", "/")
    await call.run(stream(turn))
    assert call.status == 200
    assert call.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-turn-id": "turn_1",
    }
    assert call.body == encode_event(progress("one")) + encode_event(progress("two"))
    assert call.ended


async def test_a_quiet_stream_is_kept_open_by_comments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.01)
    heard = asyncio.Event()
    turn = Turn(progress("one"), heard, progress("two"))
    turn.stored.set()
    call = Call("POST", "/")
    running = asyncio.create_task(call.run(stream(turn)))
    # The turn goes on only when the comment has come.
    await asyncio.wait_for(call.until(lambda: b": heartbeat\n\n" in call.body), 10)
    heard.set()
    await running
    assert call.body.endswith(encode_event(progress("two")))


async def test_the_heartbeat_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.001)
    gate = asyncio.Event()
    turn = Turn(progress("one"), gate)
    turn.stored.set()
    call = Call("POST", "/")
    running = asyncio.create_task(call.run(stream(turn, replace(SETTINGS, stream_heartbeat=False))))
    await asyncio.sleep(0.05)
    gate.set()
    await running
    assert call.body == encode_event(progress("one"))


async def test_a_comment_after_each_event_can_be_switched_on() -> None:
    turn = Turn(progress("one"))
    turn.stored.set()
    call = Call("POST", "/")
    await call.run(stream(turn, replace(SETTINGS, stream_flush_comments=True)))
    assert call.body == encode_event(progress("one")) + b": flush\n\n"


async def test_the_app_returns_only_when_the_turn_is_stored() -> None:
    turn = Turn(progress("one"))
    call = Call("POST", "/")
    running = asyncio.create_task(call.run(stream(turn)))
    await call.until(lambda: call.ended)
    await settle()
    assert not running.done()
    turn.stored.set()
    await running
    assert turn.waited


async def test_a_client_that_leaves_does_not_let_the_app_return_before_the_turn_is_stored() -> None:
    turn = Turn(progress("one"), progress("two"))
    call = Call("POST", "/", leave_when=lambda body: True)
    running = asyncio.create_task(call.run(stream(turn)))
    await call.until(lambda: call.gone)
    await settle()
    assert not running.done()
    turn.stored.set()
    await running
    assert turn.waited
    assert call.body == encode_event(progress("one"))


async def test_a_request_that_is_cancelled_does_not_cancel_the_turn() -> None:
    never = asyncio.Event()
    turn = Turn(progress("one"), never)
    waiting = asyncio.create_task(turn.wait())
    turn.wait = lambda: waiting  # type: ignore[method-assign,assignment,return-value]  # the same task for whoever waits
    call = Call("POST", "/")
    running = asyncio.create_task(call.run(stream(turn)))
    await call.until(lambda: bool(call.body))
    running.cancel()
    await settle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not waiting.cancelled()
    turn.stored.set()
    await waiting


async def test_an_error_in_a_stream_that_has_begun_is_an_error_event() -> None:
    turn = Turn(progress("one"), ModelUnavailableError())
    turn.stored.set()
    call = Call("POST", "/")
    await call.run(stream(turn))
    last = json.loads(call.body.split(b"\n\n")[1][6:])
    assert last["type"] == "error"
    assert last["message"] == ModelUnavailableError.default_message
    assert last["allow_retry"] is True


async def test_an_unexpected_error_is_an_error_event_without_details(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turn = Turn(RuntimeError("what the user wrote"))
    turn.stored.set()
    call = Call("POST", "/")
    await call.run(stream(turn))
    assert json.loads(call.body[6:])["type"] == "error"
    assert b"what the user wrote" not in call.body
    assert "RuntimeError" in caplog.text


@pytest.mark.parametrize("delta", ["word", "", 'a "quote"\\ and\n a tab\t', "ü 😀 \u2028", "\x00\x1f\x7f", "</script>"])
def test_a_delta_is_written_as_the_sdks_model_writes_it(delta: str) -> None:
    update = AssistantMessageContentPartTextDelta(content_index=3, delta=delta)
    event = ThreadItemUpdatedEvent(item_id="msg_ü", update=update)
    body = event.model_dump_json(by_alias=True, exclude_none=True, context={"exclude_metadata": True})
    assert encode_event(event) == f"data: {body}\n\n".encode()
