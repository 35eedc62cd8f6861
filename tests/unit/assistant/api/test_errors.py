"""Every error is answered as JSON with the right status, and leaks nothing."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI
from starlette.types import Message, Receive, Scope, Send

from assistant import errors
from assistant.errors import AssistantError
from tests.support.asgi import Call, client

pytestmark = pytest.mark.anyio

SECRET = "what the user wrote"


def failing(app: FastAPI, error: Exception) -> FastAPI:
    @app.get("/fail")
    async def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (errors.InvalidRequestError(), 400, "invalid_request"),
        (errors.UnauthorizedError(), 401, "unauthorized"),
        (errors.ForbiddenError(), 403, "forbidden"),
        (errors.NotFoundError(), 404, "not_found"),
        (errors.ConflictError(), 409, "conflict"),
        (errors.ThreadLockedError(), 409, "thread_locked"),
        (errors.UploadMissingError(), 409, "upload_missing"),
        (errors.TooLargeError(), 413, "too_large"),
        (errors.UnsupportedTypeError(), 415, "unsupported_type"),
        (errors.QuotaExceededError(), 429, "quota_exceeded"),
        (errors.StoreUnavailableError(), 503, "store_unavailable"),
        (errors.IssuerUnavailableError(), 503, "issuer_unavailable"),
        (errors.ModelTimeoutError(), 503, "model_timeout"),
        (errors.ModelNotFoundError(), 503, "model_not_found"),
    ],
)
async def test_an_error_of_ours_has_its_status_and_code(
    app: FastAPI, error: AssistantError, status: int, code: str
) -> None:
    async with client(failing(app, error)) as web:
        answer = await web.get("/fail")
    assert answer.status_code == status
    assert answer.json() == {"error": {"code": code, "message": error.message}}
    assert answer.headers["cache-control"] == "no-store"


async def test_when_to_try_again_is_said_in_whole_seconds(app: FastAPI) -> None:
    async with client(failing(app, errors.QuotaExceededError(retry_after=1.2))) as web:
        assert (await web.get("/fail")).headers["retry-after"] == "2"


async def test_a_missing_token_is_asked_for(app: FastAPI) -> None:
    async with client(failing(app, errors.UnauthorizedError())) as web:
        assert (await web.get("/fail")).headers["www-authenticate"] == "Bearer"


async def test_an_unknown_route_and_a_wrong_method_have_the_same_form(app: FastAPI) -> None:
    async with client(app) as web:
        unknown, wrong = await web.get("/nowhere"), await web.get("/chatkit/api")
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"] == "POST"


async def test_an_unexpected_error_is_a_500_without_details(app: FastAPI, caplog: pytest.LogCaptureFixture) -> None:
    @app.get("/fail")
    async def fail() -> None:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise RuntimeError(SECRET) from cause

    with caplog.at_level(logging.INFO):
        async with client(app) as web:
            answer = await web.get("/fail")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "internal_error"
    assert SECRET not in answer.text
    (record,) = [record for record in caplog.records if record.name == "assistant.api.errors"]
    logged = record.getMessage()
    assert "RuntimeError" in logged
    assert "caused by KeyError" in logged
    assert "in fail" in logged
    assert SECRET not in logged


async def test_a_client_that_leaves_with_its_request_half_sent_is_no_error(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    async def disconnect() -> Message:
        return {"type": "http.disconnect"}

    async def leaving(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, disconnect, send)

    call = Call("POST", "/chatkit/api")
    await call.run(leaving)
    assert call.status == 0
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_the_log_names_the_cause_of_a_store_that_is_out_of_reach(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    error = errors.StoreUnavailableError()
    error.__cause__ = TimeoutError(SECRET)
    async with client(failing(app, error)) as web:
        assert (await web.get("/fail")).status_code == 503
    (record,) = [record for record in caplog.records if record.name == "assistant.api.errors"]
    assert record.getMessage() == "store_unavailable: TimeoutError"
