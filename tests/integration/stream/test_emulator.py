"""The built artifact under AWS's emulator: one event at a time, many at the same time, and as `sam local` runs it."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.support.build import Built
from tests.support.lambda_events import function_url_event, rest_api_event
from tests.support.rie import NULS, Emulate, Emulated

AT_ONCE = 8


def get(emulated: Emulated, path: str, **options: Any) -> Any:
    status, _, body = emulated.respond(function_url_event(path, **options))
    assert status == 200
    return json.loads(body)


def test_the_wrapper_of_the_artifact_can_be_run(built: Built, shipped: Built) -> None:
    for build in (built, shipped):
        mode = (build.function("stream") / "stream-runtime").stat().st_mode
        assert mode & 0o777 == 0o755


def test_nothing_in_an_artifact_is_called_bootstrap(built: Built, shipped: Built) -> None:
    """The emulator prefers /var/task/bootstrap to the managed runtime's, and `sam local` would run that instead."""
    for build in (built, shipped):
        assert list(build.folder.glob("functions/*/bootstrap")) == []
        assert not (build.layer / "bootstrap").exists()


@pytest.fixture(scope="module", params=["with a command", "bare"])
def emulated(request: pytest.FixtureRequest, emulate_app: Emulate) -> Emulated:
    return emulate_app("app", in_place=request.param == "bare")


def test_the_emulator_gets_prelude_delimiter_and_payload(emulated: Emulated) -> None:
    raw = emulated.invoke(function_url_event("/hello"))
    prelude, delimiter, payload = raw.partition(NULS)
    assert json.loads(prelude)["statusCode"] == 201
    assert json.loads(prelude)["cookies"] == ["a=1; Path=/", "b=2, or so; HttpOnly"]
    assert (delimiter, payload) == (NULS, b"hello")


def test_the_artifact_runs_and_not_the_sources(emulated: Emulated, built: Built) -> None:
    facts = get(emulated, "/process")
    assert facts["runtime"] in (
        str(built.function("stream") / "lambda_stream" / "__init__.py"),
        "/var/task/lambda_stream/__init__.py",
    )
    # The libraries of the managed runtime, and no development environment.
    assert not any(module.split(".")[0] in ("pytest", "uvloop") for module in facts["modules"])


def test_bodies_from_none_to_nearly_6_mb_come_through(emulated: Emulated) -> None:
    status, headers, body = emulated.respond(function_url_event("/empty", query="202"))
    assert (status, headers, body) == (202, {"x-empty": "1"}, "")
    status, _, body = emulated.respond(function_url_event("/many", query=f"{2**16},90"))
    assert len(body) == 90 * 2**16


def test_a_body_that_the_emulator_refuses_with_413_leaves_the_function_alive(emulated: Emulated) -> None:
    answer = json.loads(emulated.invoke(function_url_event("/many", query=f"{2**16},144")))
    assert answer["errorType"] == "Function.ResponseSizeTooLarge"
    assert "refused the response with status 413" in emulated.log.read_text()
    assert emulated.respond(function_url_event("/hello"))[0] == 201


def test_a_rest_api_event_comes_through(emulated: Emulated) -> None:
    status, _, body = emulated.respond(rest_api_event("/echo", method="POST", body="käse", query={"a": ["1", "2"]}))
    assert status == 200
    assert json.loads(body)["body"] == "käse"
    assert json.loads(body)["query"] == "a=1&a=2"


def test_faults_leave_the_function_alive(emulated: Emulated) -> None:
    # The emulator drops trailers: what it shows of an error in mid-stream is what came before.
    assert emulated.invoke(function_url_event("/raises_between")).endswith(NULS + b"so far")
    assert emulated.respond(function_url_event("/raises_before"))[0] == 500
    assert json.loads(emulated.invoke({"Records": []}))["errorType"] == "Runtime.UnsupportedEvent"
    assert emulated.respond(function_url_event("/hello"))[0] == 201


def test_a_function_that_wants_sigterm_starts_under_the_emulator_too(emulate_app: Emulate) -> None:
    emulated = emulate_app("app", LAMBDA_STREAM_GRACEFUL_SHUTDOWN="true")
    assert emulated.respond(function_url_event("/hello"))[0] == 201
    assert "No extension" not in emulated.log.read_text()


def meet(emulated: Emulated, event: dict[str, Any]) -> Any:
    """Invoke, again while not all workers of the starting process have asked for an event: it refuses then."""
    while True:
        try:
            return json.loads(emulated.respond(event)[2])
        except HTTPError as error:
            if b"Runtime.Unavailable" not in error.read():
                raise
            time.sleep(0.02)


def test_in_the_mode_of_managed_instances_one_process_serves_many_at_once(emulate_app: Emulate) -> None:
    emulated = emulate_app("app", in_place=True, at_once=AT_ONCE)
    assert get(emulated, "/process")["runtime"].startswith("/var/task/")
    # Each waits until all are inside.
    event = function_url_event("/meets", query=str(AT_ONCE))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda _: meet(emulated, event), range(AT_ONCE)))
    assert all(own == left for own, left, _ in answers)
    assert len({own for own, _, _ in answers}) == AT_ONCE


def test_a_bad_start_is_reported_to_the_emulator(emulate_app: Emulate) -> None:
    emulated = emulate_app("missing")
    with pytest.raises(HTTPError) as error:
        emulated.invoke(function_url_event("/hello"))
    assert json.loads(error.value.read())["errorType"] == "Runtime.HandlerNotFound"
