"""Send errors as JSON, `{"error": {"code", "message"}}`, if no stream has started."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.errors import AssistantError, ImportFailedError, InvalidRequestError
from assistant.exits import EXITS, ExitError
from assistant.failures import known, log_failure
from assistant.texts import in_language, language_of

logger = logging.getLogger(__name__)

# Answers belong to one caller, so nothing may cache them. Browsers must not guess the type.
JSON_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an object as a JSON answer."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return json_bytes(body, status, headers)


def json_bytes(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return encoded JSON as an answer."""
    return Response(body, status, {**JSON_HEADERS, **(headers or {})}, "application/json")


def error_response(
    error: AssistantError,
    scope: Scope,
    *,
    thread_id: str | None = None,
    content: str = "",
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error as an answer, in the request's language.

    Args:
        error: The error.
        scope: The request.
        thread_id: The thread of the turn, if a turn had started.
        content: The text that was written before the error.
        headers: More headers.
    """
    headers = dict(headers or {})
    if error.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = "Bearer"
    message = in_language(error.message, language_of(Headers(scope=scope).get("accept-language")))
    body: dict[str, object] = {"error": {"code": error.code, "message": message}}
    if thread_id is not None:
        body["thread_id"] = thread_id
    if content:
        body["content"] = content
    return json_response(body, error.status, headers)


def log_unexpected(error: BaseException, scope: Scope) -> None:
    """Log an error that a request has met, with the path of its route: it has the names of parameters, not values."""
    path = getattr(scope.get("route"), "path", "")
    log_failure(logger, f"A request failed at {scope['method']} {scope.get('root_path', '')}{path}", error)


def add_error_handlers(app: FastAPI) -> None:
    """Make the app answer every error as JSON."""

    async def answer_assistant_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, AssistantError)  # noqa: S101 - for the type checker
        if isinstance(error, ImportFailedError):
            log_unexpected(error, request.scope)
        elif error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            cause = error.__cause__
            known = error.fix or ("unknown cause" if cause is None else type(cause).__qualname__)
            logger.error("%s: %s", error.code, known)
        return error_response(error, request.scope)

    async def answer_http_exception(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - for the type checker
        status = HTTPStatus(error.status_code)
        code = status.phrase.lower().replace(" ", "_")
        content = {"error": {"code": code, "message": f"{status.phrase}."}}
        return json_response(content, status, error.headers)

    async def answer_validation_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - for the type checker
        # Name the parameter and the rule, but not the value.
        problems = (f"{problem['loc'][-1]}: {problem['msg']}" for problem in error.errors())
        return error_response(InvalidRequestError("; ".join(problems)), request.scope)

    app.add_exception_handler(AssistantError, answer_assistant_error)
    app.add_exception_handler(RequestValidationError, answer_validation_error)
    app.add_exception_handler(HTTPException, answer_http_exception)
    app.add_middleware(UnexpectedErrors)


class UnexpectedErrors:
    """Answers 500 to an unexpected error. Starlette's own handler would answer without CORS headers."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app. Answer 500 if it fails before it has sent anything."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            # The client disconnected while it sent the request.
            return
        except (Exception, *EXITS) as error:
            if started or scope["type"] != "http":
                raise error if isinstance(error, Exception) else ExitError from error
            log_unexpected(error, scope)
            found = known(error)
            answer = found if isinstance(found, AssistantError) else AssistantError()
            await error_response(answer, scope)(scope, receive, send)
