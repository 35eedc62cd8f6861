"""Limits on messages and turns, over HTTP: length, turns at once, turns in a minute, followers, a killed process."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from assistant import quotas
from tests.integration.limits.conftest import ServerMaker
from tests.support.app_server import AppServer, new_thread
from tests.support.sse import frames, text_of

pytestmark = pytest.mark.anyio

PATH = "/chatkit/api"
# Far more than the limits, and far fewer than an attacker has.
AT_ONCE = 20
# What a turn reserves at least.
RESERVED = quotas.OVERHEAD_TOKENS + quotas.USUAL_OUTPUT_TOKENS


async def say(client: httpx2.AsyncClient, text: str) -> httpx2.Response:
    return await client.post(PATH, json=new_thread(text))


async def all_at_once(servers: list[AppServer], token: str, text: str) -> list[httpx2.Response]:
    """Send different messages at once, to the servers in turn."""
    clients = [server.client(token) for server in servers]
    calls = [say(clients[number % len(clients)], f"{text}\n{number}") for number in range(AT_ONCE)]
    answers = await asyncio.gather(*calls)
    for client in clients:
        await client.aclose()
    return answers


def code(answer: httpx2.Response) -> Any:
    return answer.json()["error"]["code"]


async def test_a_message_over_the_limit_is_refused_with_the_number_and_one_at_the_limit_is_answered(
    serve: ServerMaker, token: str
) -> None:
    server = serve(MAX_MESSAGE_CHARS="1200")
    async with server.client(token) as client:
        over, at = await say(client, "x" * 1201), await say(client, "x" * 1200)
        assert (over.status_code, code(over)) == (413, "message_too_long")
        assert "1,200" in over.json()["error"]["message"]
        assert at.status_code == 200
        assert text_of(frames(at.content))
        usage = (await client.get("/chatkit/api/usage")).json()
        assert usage["turns"] == 1
        assert usage["limits"]["message_characters"] == 1200


async def test_a_message_that_would_fill_the_whole_history_is_refused(serve: ServerMaker, token: str) -> None:
    server = serve(HISTORY_MAX_TOKENS="100")
    async with server.client(token) as client:
        over = await say(client, "x" * 401)
        assert (over.status_code, "400 characters" in over.json()["error"]["message"]) == (413, True)
        assert (await say(client, "x" * 400)).status_code == 200


async def test_of_turns_at_once_in_two_processes_as_many_run_as_allowed_and_later_ones_run_again(
    serve: ServerMaker, token: str
) -> None:
    servers = [serve(MAX_CONCURRENT_TURNS="3"), serve(MAX_CONCURRENT_TURNS="3")]
    answers = await all_at_once(servers, token, "!slow 100")
    assert Counter(answer.status_code for answer in answers) == {200: 3, 429: AT_ONCE - 3}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert {code(answer) for answer in refused} == {"too_many_turns"}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    async with servers[1].client(token) as client:
        assert (await say(client, "hello")).status_code == 200


async def test_of_turns_at_once_as_many_begin_in_a_minute_as_allowed(serve: ServerMaker, token: str) -> None:
    settings = {"QUOTA_TURNS_PER_MINUTE": "3", "MAX_CONCURRENT_TURNS": "50"}
    answers = await all_at_once([serve(**settings), serve(**settings)], token, "hello")
    assert Counter(answer.status_code for answer in answers) == {200: 3, 429: AT_ONCE - 3}
    waits = [int(answer.headers["retry-after"]) for answer in answers if answer.status_code == 429]
    assert all(1 <= wait <= 60 for wait in waits)


async def test_a_message_in_the_thread_of_a_running_turn_ends_that_turn_and_is_no_turn_too_many(
    serve: ServerMaker, token: str
) -> None:
    server = serve(MAX_CONCURRENT_TURNS="1")
    async with server.client(token) as client, server.client(token) as other:
        running = asyncio.create_task(say(client, "!slow 300"))
        thread_id = await newest_thread(other)
        assert (await say(other, "in another thread")).status_code == 429
        again = await other.post(PATH, json={**new_thread("hello"), "thread_id": thread_id})
        assert again.status_code == 200
        assert text_of(frames(again.content))
        await running


async def test_a_killed_process_frees_the_places_of_its_turns(serve: ServerMaker, token: str) -> None:
    dying, living = serve(MAX_CONCURRENT_TURNS="1"), serve(MAX_CONCURRENT_TURNS="1")
    async with dying.client(token) as client, living.client(token) as other:
        lost = asyncio.create_task(say(client, "!slow 600"))
        await newest_thread(other)
        assert (await say(other, "hello")).status_code == 429
        dying.kill9()
        with pytest.raises(httpx2.HTTPError):
            await lost
        patience = time.monotonic() + 60
        while (answer := await say(other, "hello")).status_code == 429:
            assert time.monotonic() < patience, "the place of the dead turn is never free"
            await asyncio.sleep(0.5)
        assert answer.status_code == 200


@pytest.mark.parametrize("of", [pytest.param("", marks=pytest.mark.exhaustive), "TENANT_"])
async def test_a_killed_process_keeps_nothing_reserved(serve: ServerMaker, token: str, of: str) -> None:
    limit = {f"{of}QUOTA_TOKENS_PER_DAY": "1000"}
    dying, living = serve(**limit), serve(**limit)
    async with dying.client(token) as client, living.client(token) as other:
        lost = asyncio.create_task(say(client, "!slow 600"))
        thread_id = await newest_thread(other)
        refused = await say(other, "hello")
        assert (refused.status_code, code(refused)) == (429, "too_many_turns")
        dying.kill9()
        with pytest.raises(httpx2.HTTPError):
            await lost
        patience = time.monotonic() + 60
        while (answer := await say(other, "hello")).status_code == 429:
            assert time.monotonic() < patience, "the dead turn's reservation is never given back"
            if of:
                # Another user's turn could have reserved it. Whoever opens the thread settles the turn.
                await other.post(PATH, json={"type": "threads.get_by_id", "params": {"thread_id": thread_id}})
            await asyncio.sleep(0.5)
        assert answer.status_code == 200
        # The dead turn's tokens are counted as of its last checkpoint.
        usage = (await other.get("/chatkit/api/usage")).json()
        assert (usage["turns"], 0 < usage["tokens"] < RESERVED) == (2, True)


@pytest.mark.parametrize(
    "places",
    [
        pytest.param([0], id="own process", marks=pytest.mark.exhaustive),
        pytest.param([1], id="another process", marks=pytest.mark.exhaustive),
        pytest.param([0, 1, 2], id="all processes"),
    ],
)
async def test_of_identical_requests_the_newest_followers_stay_and_the_others_are_told(
    serve: ServerMaker, token: str, places: list[int]
) -> None:
    servers = [serve(MAX_FOLLOWERS="2") for _ in range(max(places) + 1)]
    key = {"Idempotency-Key": "the same"}
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(server.client(token, **key)) for server in servers]
        first = asyncio.create_task(say(clients[0], "!slow 60"))
        await newest_thread(clients[-1])
        followers = [clients[places[number % len(places)]] for number in range(AT_ONCE)]
        answers = await asyncio.gather(*(say(client, "!slow 60") for client in followers))
        whole = text_of(frames((await first).content))
        assert len(whole.split()) >= 60
        ends = [frames(answer.content)[-1] for answer in answers]
        replaced = [end for end in ends if end["type"] == "error"]
        assert len(replaced) == AT_ONCE - 2
        assert all("too many places" in end["message"] and not end["allow_retry"] for end in replaced)
        assert [text_of(frames(answer.content)) for answer in answers].count(whole) == 2
        assert len({answer.headers["x-turn-id"] for answer in answers}) == 1


async def newest_thread(client: httpx2.AsyncClient) -> str:
    """Return the user's newest thread as soon as it has one: its turn is claimed then."""
    while True:
        listed = await client.post(PATH, json={"type": "threads.list", "params": {"limit": 1}})
        found = listed.json()["data"]
        if found:
            return str(found[0]["id"])
        await asyncio.sleep(0.05)
