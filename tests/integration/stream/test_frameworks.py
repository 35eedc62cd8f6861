"""Frameworks and Powertools work in the streaming runtime."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.support.lambda_events import function_url_event, rest_api_event
from tests.support.stream_process import StreamProcess

APP = "tests.integration.stream.frameworks:app"


@pytest.fixture(scope="module")
def runtime() -> Iterator[StreamProcess]:
    with StreamProcess(APP, LAMBDA_STREAM_DEADLINE_MARGIN_MS="800", POWERTOOLS_TRACE_DISABLED="true") as process:
        yield process


@pytest.mark.parametrize("path", ["/streaming", "/sync-generator"])
def test_starlette_streams_part_by_part(runtime: StreamProcess, path: str) -> None:
    response = runtime.invoke(function_url_event(path))
    parts = [b"part %d\n" % number for number in range(5)]
    assert response.payload == b"".join(parts)
    # After the prelude a chunk a part: nothing was gathered on the way.
    assert response.chunks[1:] == parts


def test_a_rest_api_event_streams_too(runtime: StreamProcess) -> None:
    assert runtime.invoke(rest_api_event("/streaming")).payload.startswith(b"part 0")


def test_sse_starlette_streams_its_events_and_its_pings(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/sse"))
    assert response.prelude["headers"]["content-type"].startswith("text/event-stream")
    assert response.payload.count(b"event: token") == 3
    assert b": ping" in response.payload
    assert response.complete
    assert response.trailers == []


def test_sse_starlette_stops_at_the_deadline(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/sse-until-told"), deadline=1.3)
    assert response.payload.startswith(b"data: on")
    assert response.complete
    assert "generator closed" in runtime.invoke(function_url_event("/notes")).json


def test_background_tasks_finish_before_the_next_event(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/background")).json == {"queued": True}
    assert "background ran" in runtime.invoke(function_url_event("/notes")).json


def test_cookies_go_both_ways(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/cookies", cookies=["x=1", "y=2"]))
    assert response.json == {"x": "1", "y": "2"}
    assert [cookie.partition(";")[0] for cookie in response.prelude["cookies"]] == ["a=1", "b=2"]


def test_a_websocket_route_cannot_be_reached(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/websocket", headers={"upgrade": "websocket"})).status == 404


def test_the_lifespan_state_reaches_a_form_handler(runtime: StreamProcess) -> None:
    response = runtime.invoke(
        function_url_event(
            "/upload",
            method="POST",
            headers={"content-type": "application/x-www-form-urlencoded"},
            body="a=1&b=2",
        )
    )
    assert response.json == {"fields": ["a", "b"], "pool": "open"}


def test_the_first_request_imports_nothing() -> None:
    with StreamProcess(APP, POWERTOOLS_TRACE_DISABLED="true") as runtime:
        for path in ("/streaming", "/sync-generator", "/background"):
            runtime.invoke(function_url_event(path))
        assert runtime.invoke(function_url_event("/late-imports")).json == []


def test_powertools_log_measure_and_trace_as_in_a_handler() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(20)
        with StreamProcess(
            APP,
            AWS_XRAY_DAEMON_ADDRESS=f"127.0.0.1:{daemon.getsockname()[1]}",
            AWS_XRAY_CONTEXT_MISSING="LOG_ERROR",
        ) as runtime:
            submitted = runtime.submit(function_url_event("/powertools"))
            assert submitted.response().payload == b"powered"
            log = runtime.wait_for_log(lambda log: '"Orders"' in log and "handled" in log)
            lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
            (line,) = [line for line in lines if line.get("message") == "handled"]
            assert line["function_request_id"] == submitted.request_id
            assert line["function_name"] == "stream"
            assert line["order"] == 7
            assert line["xray_trace_id"] == "1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
            assert any("Orders" in line for line in lines)
            assert any("ColdStart" in line for line in lines)
            # Each subsegment is sent when it ends: the method's first, then the handler's, a child of Lambda's own.
            inner, outer = (json.loads(daemon.recv(65_536).partition(b"\n")[2]) for _ in range(2))
            assert inner["trace_id"] == outer["trace_id"] == "1-5bef4de7-ad49b0e87f6ef6c87fc2e700"
            assert outer["parent_id"] == "9a9197af755a6419"
            assert inner["parent_id"] == outer["id"]
