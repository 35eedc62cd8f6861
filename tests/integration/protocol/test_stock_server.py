"""The event stream equals that of a stock ChatKit server, for random scripts of the model, but for what the page says.

Both servers have the same agents and the same answers of the model, and both streams are read as they come over the
wire. Ids, times and durations are left out. Each function below that is named after a repair takes one difference of
docs/protocol.md out of both streams.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from assistant.api import create_app
from assistant.context import Resources
from assistant.models import close_clients
from assistant.settings import load_settings
from tests.support import stock_agents
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.provider_formats import Json
from tests.support.stock_scripts import REFUSAL, Script, scripts
from tests.support.stock_server import SteppedProvider, StockServer, events_in

SHORT, LONG = 15, 1_500
# What is left of a turn that a guardrail refused: the first of its message, the second of its answer.
_REFUSED = (
    "This answer is incomplete because of an error.",
    "This answer was withheld because it did not pass a check.",
)


# --- Both servers


def _request(script: Script, turn: int, thread_id: str) -> Json:
    if turn > 0 and script.asks_browser:
        return {"type": "threads.add_client_tool_output", "params": {"thread_id": thread_id, "result": {"width": 1}}}
    text = {"type": "input_text", "text": script.message(turn)}
    said = {"input": {"content": [text], "attachments": [], "inference_options": {}}}
    if turn == 0:
        return {"type": "threads.create", "params": said}
    return {"type": "threads.add_user_message", "params": {"thread_id": thread_id, **said}}


async def _ours(script: Script, resources: Resources, provider: SteppedProvider) -> list[list[Json]]:
    streams: list[list[Json]] = []
    async with client(create_app(resources, streaming=True)) as page:
        for turn, answers in enumerate(script.turns):
            provider.script(answers)
            thread_id = streams[0][0]["thread"]["id"] if streams else ""
            answer = await page.post("/chatkit/api", json=_request(script, turn, thread_id))
            assert answer.status_code == 200, answer.text
            streams.append(events_in(answer.content))
    return streams


async def _stock(script: Script) -> list[list[Json]]:
    provider = SteppedProvider(script.api, script.rounds)
    server = StockServer(stock_agents.build_agent(None), script.api, provider)
    streams: list[list[Json]] = []
    for turn, answers in enumerate(script.turns):
        provider.script(answers)
        thread_id = streams[0][0]["thread"]["id"] if streams else ""
        streams.append(await server.events(_request(script, turn, thread_id)))
    return streams


# --- What may differ


def named(events: list[Json]) -> list[Json]:
    """Return a stream with the numbers of its items in place of their ids, and without times.

    Chat Completions has one id for all messages, so an item that begins gets a new number.
    """
    names: dict[str, str] = {}
    numbers = itertools.count(1)
    open_: set[str] = set()
    found = []
    for event in events:
        raw: str = event["item"]["id"] if "item" in event else event.get("item_id", "")
        event = _without_times(event)
        if "item" in event:
            starts = event["type"] == "thread.item.added"
            ends = event["type"] == "thread.item.done"
            if event["item"]["type"] == "workflow" and raw in names and raw not in open_ and (starts or ends):
                event["type"] = a_complete_workflow_is_replaced()
            elif starts or (ends and raw not in open_):
                names[raw] = f"item {next(numbers)}"
            event["item"]["id"] = names.setdefault(raw, "an item of an earlier turn")
            (open_.add if event["type"] == "thread.item.added" else open_.discard)(raw)
        elif "item_id" in event:
            event["item_id"] = names.get(raw, "an item of an earlier turn")
        elif "thread" in event:
            event["thread"]["id"] = "thread"
        found.append(event)
    return found


def a_complete_workflow_is_replaced() -> str:
    """Return our type of an event in which a workflow starts or ends after its end: two tools ran side by side."""
    return "thread.item.replaced"


def _without_times(value: Any) -> Any:
    left_out = ("created_at", "duration", "thread_id", "call_id")
    if isinstance(value, dict):
        return {name: _without_times(each) for name, each in value.items() if name not in left_out}
    return [_without_times(each) for each in value] if isinstance(value, list) else value


def a_failed_turn_keeps_its_partial_answer(ours: list[Json], stock: list[Json]) -> list[Json]:
    """Return our stream with the stock server's end: it sends an `error` without a text, and keeps nothing."""
    if stock[-1]["type"] != "error":
        return ours
    assert stock[-1] == {"type": "error", "code": "stream.error", "allow_retry": True}
    *before, mark, error = ours
    assert error["type"] == "error"
    assert error["code"] == "custom"
    assert "secret" not in error["message"]
    assert mark["item"]["task"]["title"] == "This answer is incomplete because of an error."
    # The list of a turn's tools comes done at once, and a later call replaces it.
    shown = before[: len(stock) - 1]
    begun = {event["item"]["id"] for event in shown if event["type"] in ("thread.item.added", "thread.item.done")}
    kept = before[len(stock) - 1 :]
    ends = ("thread.item.done", "thread.item.replaced")
    assert all(event["type"] in ends and event["item"]["id"] in begun for event in kept), kept
    return [*before[: len(stock) - 1], stock[-1]]


def a_refused_turn_removes_what_it_showed(ours: list[Json], stock: list[Json]) -> tuple[list[Json], list[Json]]:
    """Return what both servers showed before a guardrail's refusal. One may show more before it notices."""
    *mine, mark, error = ours
    assert (error["type"], error["code"], error["allow_retry"]) == ("error", "custom", False)
    assert mark["item"]["task"]["title"] in _REFUSED
    assert stock[-1] == {"type": "error", "code": "stream.error", "allow_retry": True}
    before = [[e for e in stream if e["type"] != "thread.item.removed"] for stream in (mine, stock[:-1])]
    shown = {e["item"]["id"] for e in before[0] if "item" in e and e["item"]["type"] != "user_message"}
    # ChatKit also removes the ids of calls, which it has not shown.
    assert shown <= {e["item_id"] for e in mine if e["type"] == "thread.item.removed"}
    length = min(map(len, before))
    return before[0][:length], before[1][:length]


def a_bad_call_is_given_back(ours: list[Json], stock: list[Json]) -> list[Json]:
    """Return our stream up to the bad call, if the stock server ends the turn there."""
    if stock[-1]["type"] != "error":
        return ours
    assert len(ours) > len(stock) - 1
    return [*ours[: len(stock) - 1], stock[-1]]


def a_refusal_is_an_answer(ours: list[Json], stock: list[Json]) -> tuple[list[Json], list[Json]]:
    """Leave out our deltas of a refusal, and the error in which the stock server ends a refusal."""
    assert stock[-1]["type"] == "error"
    refusal = next(event["item"] for event in reversed(ours) if _is_refusal(event))
    streamed = {"assistant_message.content_part.text_delta", "assistant_message.content_part.done"}
    shown = [e for e in ours if not (e.get("item_id") == refusal["id"] and e["update"]["type"] in streamed)]
    assert len(shown) < len(ours)
    if not any(_is_refusal(event) for event in stock):
        # Without a `finish_reason`, the stock server ends before the refusal's end, and before that of the thoughts.
        rest = shown[len(stock) - 1 :]
        unfinished = {refusal["id"], *(e["item"]["id"] for e in shown if e.get("item", {}).get("type") == "workflow")}
        assert {e.get("item_id") or e["item"]["id"] for e in rest} <= unfinished, rest
        shown = shown[: len(stock) - 1]
    return shown, stock[:-1]


def an_answered_client_tool_is_shown(ours: list[Json]) -> list[Json]:
    """Leave out the answered call, which the stock server does not send."""
    return [e for e in ours if not (e["type"] == "thread.item.replaced" and e["item"]["type"] == "client_tool_call")]


def _is_refusal(event: Json) -> bool:
    item = event.get("item", {})
    return item.get("type") == "assistant_message" and any(part["text"] == REFUSAL for part in item["content"])


def _is_end_of_workflow(event: Json) -> bool:
    ends = event["type"] in ("thread.item.done", "thread.item.replaced")
    return bool(ends and event["item"]["type"] == "workflow")


def a_workflow_ends_with_its_turn(ours: list[Json], stock: list[Json]) -> list[Json]:
    """Leave out our end of a workflow that the stock server leaves open, or that a tool changed after its end."""

    def ends(stream: list[Json]) -> Counter[str]:
        return Counter(event["item"]["id"] for event in stream if _is_end_of_workflow(event))

    left = ends(ours) - ends(stock)
    shown = []
    for event in reversed(ours):
        if _is_end_of_workflow(event) and left[event["item"]["id"]] > 0:
            left[event["item"]["id"]] -= 1
        else:
            shown.append(event)
    return shown[::-1]


def a_change_of_the_thread_is_sent_at_once(stream: list[Json]) -> list[Json]:
    """Take the changes of the thread out of a stream, and return the last: the stock server sends one later."""
    changes = [event for event in stream if event["type"] == "thread.updated"]
    stream[:] = [event for event in stream if event["type"] != "thread.updated"]
    return changes[-1:]


def compare(script: Script, ours: list[list[Json]], stock: list[list[Json]]) -> None:
    """Compare the streams of all turns."""
    for turn, (given_ours, given_stock) in enumerate(zip(ours, stock, strict=True)):
        changed = [a_change_of_the_thread_is_sent_at_once(each) for each in (given_ours, given_stock)]
        mine, theirs = an_answered_client_tool_is_shown(named(given_ours)), named(given_stock)
        assert named(changed[0]) == named(changed[1]) or script.calls_badly(turn), f"turn {turn}: {changed}"
        if script.is_refused(turn):
            mine, theirs = a_refused_turn_removes_what_it_showed(mine, theirs)
        elif theirs[-1]["type"] == "error" != mine[-1]["type"] and any(map(_is_refusal, mine)):
            mine, theirs = a_refusal_is_an_answer(mine, theirs)
        elif script.calls_badly(turn):
            mine = a_bad_call_is_given_back(mine, theirs)
        else:
            mine = a_failed_turn_keeps_its_partial_answer(mine, theirs)
        mine = a_workflow_ends_with_its_turn(mine, theirs)
        differ = [(at, *pair) for at, pair in enumerate(itertools.zip_longest(mine, theirs)) if pair[0] != pair[1]]
        assert not differ, f"turn {turn}: at {differ[0][0]} ours {differ[0][1]}, stock {differ[0][2]}"


# --- The tests


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made
        made.run(close_clients())


def check(aws: Aws, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch, examples: int) -> None:
    """Compare the servers on so many random scripts."""
    # The stock server logs each failure with its whole traceback.
    monkeypatch.setattr(logging.getLogger("chatkit"), "disabled", True)
    provider: SteppedProvider | None = None

    async def answer(request: httpx2.Request) -> httpx2.Response:
        assert provider is not None
        return await provider.handle_async_request(request)

    transport = httpx2.MockTransport(answer)
    monkeypatch.setattr(openai, "DefaultAsyncHttpxClient", lambda **_: httpx2.AsyncClient(transport=transport))
    names = {"OPENAI_API_KEY": "sk-test", "AGENT_FACTORY": stock_agents.FACTORY, "THREAD_TITLES": "false"}
    resources = {
        api: Resources(load_settings(aws.environment(LLM_PROVIDER="openai", OPENAI_API=api, **names)))
        for api in ("responses", "chat_completions")
    }

    # Without shrinking, which takes minutes: a script is short.
    @settings(
        max_examples=examples,
        phases=[Phase.generate],
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(scripts())
    def both(script: Script) -> None:
        nonlocal provider
        provider = SteppedProvider(script.api, script.rounds)
        ours = runner.run(_ours(script, resources[script.api], provider))
        compare(script, ours, runner.run(_stock(script)))

    both()


def test_the_stream_equals_a_stock_servers(
    aws_environment: Aws, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(aws_environment, runner, monkeypatch, SHORT)


@pytest.mark.exhaustive
def test_the_stream_equals_a_stock_servers_for_many_scripts(
    aws_environment: Aws, runner: asyncio.Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(aws_environment, runner, monkeypatch, LONG)
