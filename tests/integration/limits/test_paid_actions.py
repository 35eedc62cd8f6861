"""Tokens, money, recordings and files have limits that hold for requests at once, over HTTP."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.integration.limits.conftest import ServerMaker
from tests.support.app_server import AppServer, new_thread

pytestmark = pytest.mark.anyio

PATH = "/chatkit/api"
AT_ONCE = 20
RECORDING = {
    "type": "input.transcribe",
    "params": {"audio_base64": base64.b64encode(b"a" * 18_000).decode(), "mime_type": "audio/webm"},
}
FILE = {"type": "attachments.create", "params": {"name": "a.png", "size": 100, "mime_type": "image/png"}}


async def all_at_once(servers: list[AppServer], token: str, body: Any) -> list[httpx2.Response]:
    """Send requests at once, to the servers in turn."""
    clients = [server.client(token) for server in servers]
    answers = await asyncio.gather(
        *(clients[number % len(clients)].post(PATH, json=body(number)) for number in range(AT_ONCE))
    )
    for client in clients:
        await client.aclose()
    return answers


def statuses(answers: list[httpx2.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


async def usage(server: AppServer, token: str) -> Any:
    async with server.client(token) as client:
        return (await client.get("/chatkit/api/usage")).json()


@pytest.mark.parametrize("of", ["", "TENANT_"])
async def test_of_turns_at_once_one_begins_at_a_limit_that_it_may_use_up(
    serve: ServerMaker, token: str, of: str
) -> None:
    settings = {f"{of}QUOTA_TOKENS_PER_DAY": "1000", "MAX_CONCURRENT_TURNS": "50"}
    servers = [serve(**settings), serve(**settings)]
    answers = await all_at_once(servers, token, lambda number: new_thread(f"!slow 20\n{number}"))
    assert statuses(answers) == {200: 1, 429: AT_ONCE - 1}
    used = (await usage(servers[0], token))["tokens"]
    assert 0 < used < 1000
    # The turn has used less than its claim has reserved, so further turns begin until the limit is really reached.
    async with servers[1].client(token) as client:
        while (again := await client.post(PATH, json=new_thread("hello " * 100))).status_code == 200:
            pass
    assert again.json()["error"]["code"] == "quota_exceeded"
    assert (await usage(servers[0], token))["tokens"] >= 1000


@pytest.mark.parametrize("of", ["", "TENANT_"])
async def test_turns_at_once_do_not_spend_more_than_the_limit_and_one_turn(
    serve: ServerMaker, token: str, of: str
) -> None:
    # A turn reserves 3,500 tokens, which are 0.70 at this price.
    settings = {f"{of}QUOTA_SPEND_PER_DAY": "1", "MODEL_PRICES": "demo=200/200", "MAX_CONCURRENT_TURNS": "50"}
    servers = [serve(**settings), serve(**settings)]
    answers = await all_at_once(servers, token, lambda number: new_thread(f"!slow 20\n{number}"))
    assert statuses(answers) == {200: 2, 429: AT_ONCE - 2}
    used = await usage(servers[0], token)
    assert used["dollars"] == pytest.approx(used["tokens"] * 200 / 1_000_000)
    assert 0 < used["dollars"] < 1


async def test_of_recordings_at_once_as_many_pass_in_a_minute_as_allowed(serve: ServerMaker, token: str) -> None:
    settings = {"QUOTA_TRANSCRIPTIONS_PER_MINUTE": "3", "QUOTA_TURNS_PER_MINUTE": "1"}
    servers = [serve(**settings), serve(**settings)]
    answers = await all_at_once(servers, token, lambda number: RECORDING)
    assert statuses(answers) == {200: 3, 429: AT_ONCE - 3}
    assert all(1 <= int(answer.headers["retry-after"]) <= 60 for answer in answers if answer.status_code == 429)
    assert (await usage(servers[0], token))["transcriptions"] == 3


async def test_of_files_at_once_as_many_are_registered_on_a_day_as_allowed(serve: ServerMaker, token: str) -> None:
    servers = [serve(QUOTA_UPLOADS_PER_DAY="5"), serve(QUOTA_UPLOADS_PER_DAY="5")]
    answers = await all_at_once(servers, token, lambda number: FILE)
    assert statuses(answers) == {200: 5, 429: AT_ONCE - 5}
    assert (await usage(servers[0], token))["uploads"] == 5


async def test_one_users_limits_are_not_anothers(serve: ServerMaker, token: str, issuer: Any, tenant: str) -> None:
    server = serve(QUOTA_UPLOADS_PER_DAY="1")
    async with server.client(token) as ann, server.client(issuer.token(tenant_id=tenant, sub="bob")) as bob:
        assert (await ann.post(PATH, json=FILE)).status_code == 200
        assert (await ann.post(PATH, json=FILE)).status_code == 429
        assert (await bob.post(PATH, json=FILE)).status_code == 200
