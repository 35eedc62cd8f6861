"""Random bodies and events: no function fails, works without a bound, or shows a word about its inside."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from assistant.api import create_app, create_upload_app, make_handler
from assistant.context import Resources
from assistant.settings import load_settings
from local.settings import ROOT
from tests.support.faults import Calls, failing
from tests.support.fuzzed_bodies import changed, forms, json_bodies
from tests.support.fuzzed_events import events
from tests.support.fuzzed_requests import Inside
from tests.support.issuer import Issuer
from tests.support.lambda_events import function_url_event
from tests.support.stream_process import StreamProcess

# A turn of the demo model stays far below the first. A refused request needs few calls of the table.
MOST_CALLS, MOST_CALLS_OF_A_REFUSAL = 150, 15
# Occurs in the data of the other user, and in no text of the product.
PRIVATE = "secret"
# A hang is a failure, and a slow machine is none.
ANSWER_SECONDS = 120
# The form of Starlette's answer to a preflight from another origin.
NO_JSON = "Disallowed CORS"
LIMITS = {"limits": {"turns_per_minute": 5, "turns_per_day": None}, "user_id": "bob"}

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class Context:
    """The part of Lambda's context that the functions use."""

    function_name = function_version = invoked_function_arn = aws_request_id = "1"
    memory_limit_in_mb = 512

    def get_remaining_time_in_millis(self) -> int:
        """Return more than any request takes."""
        return 600_000


class Watched(logging.Handler):
    """Remembers the errors that nobody expected."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember one."""
        if record.name.startswith("mangum") or "Unexpected" in record.getMessage():
            self.seen.append(record.getMessage() + str(record.exc_info))


@pytest.fixture
def resources(inside: Inside) -> Resources:
    return Resources(load_settings(inside.environment))


@pytest.fixture
def unexpected() -> Iterator[list[str]]:
    watched = Watched()
    logging.getLogger().addHandler(watched)
    yield watched.seen
    logging.getLogger().removeHandler(watched)


def check_answer(status: int, body: str, inside: Inside) -> None:
    """Check that an answer is no failure, and that an error shows nothing."""
    assert 200 <= status < 500, body
    assert PRIVATE not in body
    if status >= 400 and not body.startswith(NO_JSON) and body:
        error = json.loads(body)["error"]
        assert error["code"]
        assert len(error["message"]) < 2_000
        assert not [word for word in inside.words if word in body], body


def checker(
    handler: Callable[[dict[str, Any], Any], dict[str, Any]],
    resources: Resources,
    inside: Inside,
    unexpected: list[str],
) -> Callable[[dict[str, Any]], None]:
    """Return the check of one event on a handler."""

    def check(event: dict[str, Any]) -> None:
        with failing(resources.table.client, None) as calls:
            answer = handler(event, Context())
        json.dumps(answer).encode()
        body = base64.b64decode(answer["body"]).decode() if answer.get("isBase64Encoded") else answer.get("body", "")
        check_answer(answer["statusCode"], body, inside)
        check_calls(answer["statusCode"], calls)
        assert unexpected == []

    return check


def check_calls(status: int, calls: Calls) -> None:
    """Check that a request's work has a bound. A count does not depend on the machine."""
    assert len(calls.seen) <= (MOST_CALLS if status == 200 else MOST_CALLS_OF_A_REFUSAL), calls.seen


def test_chat(
    fuzz: Any, inside: Inside, resources: Resources, unexpected: list[str], loop: asyncio.AbstractEventLoop
) -> None:
    handler = make_handler(create_app(resources, streaming=False))
    bodies = json_bodies(inside.requests, inside.ids)
    fuzz(
        bodies.flatmap(lambda body: events(body, "application/json", "/chatkit/api")),
        checker(handler, resources, inside, unexpected),
    )


def test_upload(
    fuzz: Any, inside: Inside, resources: Resources, unexpected: list[str], loop: asyncio.AbstractEventLoop
) -> None:
    handler = make_handler(create_upload_app(resources))
    fuzz(
        forms().flatmap(lambda form: events(form[1], form[0], "/chatkit/api/upload")),
        checker(handler, resources, inside, unexpected),
    )


def test_limits(
    fuzz: Any,
    inside: Inside,
    resources: Resources,
    unexpected: list[str],
    issuer: Issuer,
    loop: asyncio.AbstractEventLoop,
) -> None:
    """An admin of a tenant of this test's own."""
    handler = make_handler(create_app(resources, streaming=False))
    check = checker(handler, resources, inside, unexpected)
    token = issuer.token(tenant_id="fuzzed")

    def check_as_admin(body: bytes) -> None:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        check(function_url_event("/chatkit/api/limits", method="POST", headers=headers, body=body.decode()))

    as_bytes = changed(LIMITS, inside.ids).map(lambda body: json.dumps(body).encode())
    fuzz(as_bytes, check_as_admin)


def test_stream(fuzz: Any, inside: Inside) -> None:
    """The real process with the streaming runtime."""
    # On Lambda, keys are not fetched over plain HTTP.
    environment: dict[str, Any] = {k: v for k, v in inside.environment.items() if not k.startswith("AUTH_")}
    environment |= {"AUTH_MODE": "guest", "ALLOW_DEMO": "true", "PYTHONPATH": f"{ROOT / 'layers' / 'agents'}:{ROOT}"}
    with StreamProcess("app:app", **environment) as process:

        def check(event: dict[str, Any]) -> None:
            answer = process.submit(event).response(ANSWER_SECONDS)
            check_answer(answer.status, answer.payload.decode(), inside)

        bodies = json_bodies(inside.requests, inside.ids)
        fuzz(bodies.flatmap(lambda body: events(body, "application/json", "/chatkit/api")), check)
        log = process.log()
    assert "A request failed" not in log
    assert "Traceback" not in log
