"""A body that is too large or not a JSON object is refused with a reason. Without a token it is not read."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from assistant.api import create_app
from assistant.api.body import MAX_BODY_BYTES
from assistant.context import Resources
from assistant.settings import Settings
from tests.support.asgi import Call, client

pytestmark = pytest.mark.anyio

ROUTES = ["/chatkit/api", "/chatkit/api/cancel"]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b"null",
        b"[]",
        b'"text"',
        b'{"type": NaN}',
        b'{"thread_id": "\\ud800"}',
        b"[" * 5000 + b"]" * 5000,
        b"{}",
    ],
)
async def test_a_malformed_body_is_invalid(app: FastAPI, path: str, body: bytes) -> None:
    async with client(app) as web:
        answer = await web.post(path, content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_request"


async def test_a_compressed_body_is_called_so(app: FastAPI) -> None:
    async with client(app) as web:
        answer = await web.post("/chatkit/api", content=gzip.compress(b"{}"), headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "The body is compressed.")


def listing(value: str) -> str:
    return '{"type": "threads.list", "params": {}, "metadata": {"a": ' + value + "}}"


@pytest.mark.parametrize("number", ["1e999", "-1E+400", "9" * 400 + ".0"])
async def test_a_number_that_would_be_stored_as_infinity_is_refused(app: FastAPI, number: str) -> None:
    async with client(app) as web:
        answer = await web.post("/chatkit/api", content=listing(number))
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "The body is not valid JSON.")


@pytest.mark.parametrize("value", ['"1e999"', "1e308", "9" * 400])
async def test_what_only_looks_like_one_reaches_the_store(app: FastAPI, value: str) -> None:
    async with client(app) as web:
        answer = await web.post("/chatkit/api", content=listing(value))
    assert answer.json()["error"]["code"] == "store_unavailable"


async def test_a_body_over_the_limit_is_refused_by_its_announced_length(app: FastAPI) -> None:
    call = Call("POST", "/chatkit/api", request_headers={"content-length": str(MAX_BODY_BYTES + 1)})
    await call.run(app)
    assert call.status == 413


async def test_a_body_over_the_limit_that_does_not_say_so_is_refused_as_it_comes(app: FastAPI) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(7):
            yield b" " * 1024 * 1024

    async with client(app) as web:
        answer = await web.post("/chatkit/api", content=chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ROUTES)
async def test_without_a_token_the_body_is_not_read(path: str) -> None:
    app = create_app(Resources(Settings(auth_mode="jwt")), streaming=False)
    async with client(app) as web:
        answer = await web.post(path, content=b"{")
    assert answer.status_code == 401


async def test_a_request_is_refused_with_the_place_of_its_mistake(app: FastAPI) -> None:
    async with client(app) as web:
        answer = await web.post("/chatkit/api", json={"type": "threads.get_by_id", "params": {}})
    assert answer.status_code == 400
    assert "params.thread_id: Field required" in answer.json()["error"]["message"]
