"""Errors as JSON: `{"error": {"code", "message"}}` with the right status, for as long as no stream has begun."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.errors import AssistantError, InvalidRequestError
from assistant.observability import log_failure

logger = logging.getLogger(__name__)

# Answers belong to one caller, and no browser should guess at their type.
JSON_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer that no cache keeps."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return json_bytes(body, status, headers)


def json_bytes(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer of JSON that is encoded already."""
    return Response(body, status, {**JSON_HEADERS, **(headers or {})}, "application/json")


def error_response(
    error: AssistantError, *, thread_id: str | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer that an error of ours is.

    Args:
        error: The error.
        thread_id: The thread in which a turn had begun, if one had.
        headers: Headers beside those that the error asks for.
    """
    headers = dict(headers or {})
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    body: dict[str, object] = {"error": {"code": error.code, "message": error.message}}
    if thread_id is not None:
        body["thread_id"] = thread_id
    return json_response(body, error.status, headers)


def log_unexpected(error: BaseException) -> None:
    """Log where an error that nobody expected came from."""
    log_failure(logger, "Unexpected error", error)


def add_error_handlers(app: FastAPI) -> None:
    """Give every error of the app its JSON form."""

    async def of_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, AssistantError)  # noqa: S101 - what it is registered for
        if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            cause = error.__cause__
            logger.error("%s: %s", error.code, "unknown cause" if cause is None else type(cause).__qualname__)
        return error_response(error)

    async def of_routing(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
        status = HTTPStatus(error.status_code)
        code = status.phrase.lower().replace(" ", "_")
        content = {"error": {"code": code, "message": f"{status.phrase}."}}
        return json_response(content, status, error.headers)

    async def of_parameters(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - what it is registered for
        # The place and the rule alone: what was sent stays out of the answer.
        problems = (f"{problem['loc'][-1]}: {problem['msg']}" for problem in error.errors())
        return error_response(InvalidRequestError("; ".join(problems)))

    app.add_exception_handler(AssistantError, of_ours)
    app.add_exception_handler(RequestValidationError, of_parameters)
    app.add_exception_handler(HTTPException, of_routing)
    app.add_middleware(UnexpectedErrors)


class UnexpectedErrors:
    """Answers 500 to what nothing else caught, inside CORS; Starlette's own handler is outside of it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and answer in its place if it fails before it has begun to."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            # It left before its request was whole: nobody is there to be answered.
            return
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            log_unexpected(error)
            await error_response(AssistantError())(scope, receive, send)
