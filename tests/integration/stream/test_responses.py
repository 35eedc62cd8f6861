"""The bytes that Lambda gets for an ASGI app's response."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lambda_events import function_url_event
from tests.support.stream_process import StreamProcess


@pytest.fixture(scope="module")
def runtime() -> Iterator[StreamProcess]:
    with StreamProcess("app") as process:
        yield process


def test_a_response_is_a_prelude_a_delimiter_and_the_payload(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/hello"))
    assert response.complete
    assert response.prelude == {
        "statusCode": 201,
        "headers": {"content-type": "text/plain; charset=utf-8", "x-twice": "one, two"},
        "cookies": ["a=1; Path=/", "b=2, or so; HttpOnly"],
    }
    assert response.body.endswith(b"}" + bytes(8) + b"hello")


def test_the_request_of_a_response_says_that_it_streams(runtime: StreamProcess) -> None:
    submitted = runtime.submit(function_url_event("/hello"), headers={"Lambda-Runtime-Invocation-Id": "inv-7"})
    response = submitted.response()
    assert response.method == "POST"
    assert response.path == f"/2018-06-01/runtime/invocation/{submitted.request_id}/response"
    assert response.header("Lambda-Runtime-Function-Response-Mode") == "streaming"
    assert response.header("Transfer-Encoding") == "chunked"
    assert response.header("Content-Type") == "application/vnd.awslambda.http-integration-response"
    assert response.header("Lambda-Runtime-Invocation-Id") == "inv-7"
    assert sorted(value for name, value in response.headers if name == "Trailer") == [
        "Lambda-Runtime-Function-Error-Body",
        "Lambda-Runtime-Function-Error-Type",
    ]


def test_the_prelude_leaves_before_there_is_a_body(runtime: StreamProcess, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    submitted = runtime.submit(function_url_event("/gated", query=str(gate)))
    response = submitted.started.result(20)
    while not response.chunks:
        time.sleep(0.005)
    assert response.prelude["headers"] == {"x-early": "yes"}
    assert response.payload == b""
    gate.touch()
    assert submitted.response().payload == b"late"


def test_headers_up_to_16_kb_pass(runtime: StreamProcess) -> None:
    frame = len('{"statusCode":200,"headers":{"x-long":""}}') + 8
    response = runtime.invoke(function_url_event("/headers_of", query=str(16 * 1024 - frame)))
    assert response.payload == b"fits"


def test_headers_above_16_kb_become_a_500_instead_of_a_broken_response(runtime: StreamProcess) -> None:
    frame = len('{"statusCode":200,"headers":{"x-long":""}}') + 8
    response = runtime.invoke(function_url_event("/headers_of", query=str(16 * 1024 - frame + 1)))
    assert (response.status, response.complete, response.trailers) == (500, True, [])
    runtime.wait_for_log(lambda log: "above 16384" in log)


def test_a_header_with_a_line_break_is_refused(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/line_break"))
    assert response.status == 500
    assert "set-cookie" not in json.dumps(response.prelude)


def test_an_empty_body_still_has_its_prelude(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/empty"))
    assert (response.status, response.payload, response.complete) == (200, b"", True)
    assert response.prelude["headers"] == {"x-empty": "1"}


@pytest.mark.parametrize("status", ["204", "304"])
def test_a_status_without_a_body_sends_none(runtime: StreamProcess, status: str) -> None:
    response = runtime.invoke(function_url_event("/insists_on_body", query=status))
    assert (response.status, response.payload, response.complete) == (int(status), b"", True)


def test_a_head_request_gets_no_body(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/insists_on_body", method="HEAD", query="200"))
    assert (response.status, response.payload, response.complete) == (200, b"", True)


def test_a_response_ends_at_once_and_the_next_event_waits_for_the_app(runtime: StreamProcess, tmp_path: Path) -> None:
    gate = tmp_path / "open"
    response = runtime.invoke(function_url_event("/background", query=str(gate)))
    assert (response.payload, response.complete) == (b"done", True)
    waiting = runtime.submit(function_url_event("/notes"))
    with pytest.raises(TimeoutError):
        waiting.taken.result(0.3)
    gate.touch()
    assert "background finished" in waiting.response().json


def test_an_exception_before_the_start_is_a_500_and_a_log_line(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/raises_before"))
    assert (response.status, response.payload, response.trailers) == (500, b"Internal Server Error", [])
    runtime.wait_for_log(lambda log: "ValueError: before the start" in log)


def test_an_app_that_exits_takes_only_its_own_request_with_it(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/exits")).status == 500
    assert runtime.invoke(function_url_event("/hello")).status == 201


def test_an_exception_in_mid_stream_is_told_in_the_trailers(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/raises_between"))
    assert (response.status, response.payload, response.complete) == (200, b"so far", True)
    assert response.error_type == "Function.ValueError"
    assert response.error_body["errorType"] == "Function.ValueError"
    assert response.error_body["errorMessage"] == "in mid-stream"
    assert any("raises_between" in line for line in response.error_body["trace"])


def test_a_broken_stream_is_logged_and_counted(runtime: StreamProcess) -> None:
    submitted = runtime.submit(function_url_event("/raises_between"))
    submitted.response()
    log = runtime.wait_for_log(lambda log: f'"requestId": "{submitted.request_id}"' in log)
    assert "ValueError: in mid-stream" in log
    metric = next(json.loads(line) for line in log.splitlines() if "_aws" in line and submitted.request_id in line)
    assert metric["BrokenStreams"] == 1
    assert metric["FunctionName"] == "stream"
    assert metric["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "BrokenStreams", "Unit": "Count"}]


def test_an_exception_after_the_end_is_a_log_line_alone(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/raises_after"))
    assert (response.payload, response.complete, response.trailers) == (b"whole", True, [])
    runtime.wait_for_log(lambda log: "ValueError: after the end" in log)


def test_an_app_that_says_nothing_is_a_500(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/no_response")).status == 500


def test_an_app_that_forgets_the_end_is_told_in_the_trailers(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/no_end"))
    assert response.payload == b"so far"
    assert response.error_type == "Runtime.IncompleteResponse"


def test_a_second_start_is_an_error_of_the_app(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/starts_twice"))
    assert response.error_type == "Function.RuntimeError"
    assert "'http.response.start' is not possible" in response.error_body["errorMessage"]


def test_websocket_messages_are_refused_clearly(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/speaks_websocket")).status == 500
    runtime.wait_for_log(lambda log: "'websocket.accept' is not possible here" in log)


def test_receive_gives_the_body_once_then_blocks_until_the_response_has_ended(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/receives", method="POST", body="the body"))
    assert response.json == ["the body", False, True]
    assert runtime.invoke(function_url_event("/notes")).json[-1] == "http.disconnect"


def test_empty_chunks_do_not_end_the_response(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/empty_chunks"))
    assert (response.payload, response.complete) == (b"ab", True)


def test_no_task_is_made_for_a_token(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/counts_tasks")).payload.rpartition(b" ")[2] == b"0"


def test_a_stream_of_9_mb_arrives_whole(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/many", query=f"{2**16},144"))
    assert len(response.payload) == 144 * 2**16
    assert response.complete


def test_ten_thousand_chunks_of_one_byte_arrive_as_they_were_sent(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/many", query="1,10000"))
    assert response.payload == bytes(65 + number % 26 for number in range(10_000))
    assert len(response.chunks) == 10_001
