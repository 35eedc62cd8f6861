"""Responses that Lambda refuses, cuts off or does not read, and the next invocation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.lambda_events import function_url_event, rest_api_event
from tests.support.runtime_api import Handling
from tests.support.stream_process import StreamProcess


@pytest.fixture
def runtime() -> Iterator[StreamProcess]:
    with StreamProcess("app") as process:
        yield process


def serves_on(runtime: StreamProcess) -> bool:
    return runtime.invoke(function_url_event("/hello")).payload == b"hello"


@pytest.mark.parametrize("keep_open", [False, True], ids=["closing", "reading on"])
@pytest.mark.parametrize("status", [400, 403, 413])
def test_an_early_refusal_stops_the_app_and_the_next_event_is_served(
    runtime: StreamProcess, status: int, keep_open: bool
) -> None:
    refusal = Handling(refuse=status, after=3000, keep_open=keep_open)
    response = runtime.invoke(function_url_event("/writes_on"), refusal)
    assert not response.complete
    assert serves_on(runtime)
    error, after = runtime.invoke(function_url_event("/notes")).json
    assert error.startswith(f"True: the Runtime API refused the response with status {status}")
    assert after == "http.disconnect"


def test_a_refusal_before_the_first_byte_is_read_is_survived(runtime: StreamProcess) -> None:
    runtime.invoke(function_url_event("/writes_on"), Handling(refuse=403))
    assert serves_on(runtime)


@pytest.mark.parametrize("after", [0, 5000])
def test_a_cut_connection_breaks_the_stream_and_the_next_event_is_served(runtime: StreamProcess, after: int) -> None:
    response = runtime.invoke(function_url_event("/writes_on"), Handling(cut=True, after=after))
    assert not response.complete
    assert serves_on(runtime)
    error, after_it = runtime.invoke(function_url_event("/notes")).json
    assert error.startswith("True: ")
    assert after_it == "http.disconnect"


def test_a_connection_cut_at_the_very_end_is_survived(runtime: StreamProcess) -> None:
    runtime.invoke(function_url_event("/hello"), Handling(cut=True))
    assert serves_on(runtime)


def test_an_app_that_stops_for_a_broken_stream_is_not_blamed_for_it(runtime: StreamProcess) -> None:
    runtime.invoke(function_url_event("/raises_when_broken"), Handling(refuse=413, after=2000))
    assert serves_on(runtime)
    log = runtime.log()
    assert "cannot be delivered" in log
    assert "Traceback" not in log
    assert "BrokenStreams" not in log


def test_a_response_that_is_refused_and_taken_costs_no_later_event(runtime: StreamProcess) -> None:
    refusal = Handling(refuse=413, keep_open=True, twice=True)
    for _ in range(3):
        runtime.submit(function_url_event("/hello"), refusal)
        assert serves_on(runtime)


def test_news_of_a_broken_response_carries_its_request_id(runtime: StreamProcess) -> None:
    submitted = runtime.submit(function_url_event("/writes_on"), Handling(refuse=413, after=2000))
    submitted.response()
    assert serves_on(runtime)
    (line,) = [line for line in runtime.log().splitlines() if "cannot be delivered" in line]
    assert submitted.request_id in line


def test_an_error_report_that_is_never_answered_does_not_hold_the_next_event(runtime: StreamProcess) -> None:
    report = runtime.submit(b"not json", Handling(unanswered=True))
    assert serves_on(runtime)
    assert report.response().path.endswith("/error")


@pytest.mark.parametrize(
    "headers",
    [{"Lambda-Runtime-Deadline-Ms": "soon"}, {"Lambda-Runtime-Trace-Id": "Root=1\0"}],
    ids=["deadline", "trace"],
)
def test_a_header_that_makes_no_sense_costs_nothing_but_itself(runtime: StreamProcess, headers: dict[str, str]) -> None:
    assert runtime.invoke(function_url_event("/hello"), headers=headers).payload == b"hello"
    assert serves_on(runtime)


def test_an_event_without_an_id_is_asked_for_again(runtime: StreamProcess) -> None:
    runtime.submit(function_url_event("/hello"), headers={"Lambda-Runtime-Aws-Request-Id": ""})
    assert serves_on(runtime)


def test_a_refused_error_report_is_survived(runtime: StreamProcess) -> None:
    runtime.invoke(b"not json", Handling(refuse=400))
    assert serves_on(runtime)


def test_a_reader_that_stalls_holds_the_app_back_instead_of_filling_memory(runtime: StreamProcess) -> None:
    before = runtime.invoke(function_url_event("/process")).json["peak"]
    size = 64 * 2**20
    stall = Handling(stall=True, after=2**16)
    submitted = runtime.submit(function_url_event("/many", query=f"{2**16},{size // 2**16}"), stall)
    submitted.started.result(20)
    with pytest.raises(TimeoutError):
        submitted.ended.result(0.5)
    runtime.api.go_on(submitted)
    assert len(submitted.response().payload) == size
    after = runtime.invoke(function_url_event("/process")).json["peak"]
    assert after - before < size / 8


def test_a_stalled_reader_is_given_up_at_the_deadline(runtime: StreamProcess) -> None:
    stalled = runtime.submit(function_url_event("/many", query=f"{2**16},512"), Handling(stall=True), deadline=1.5)
    assert serves_on(runtime)
    runtime.wait_for_log(lambda log: "stalled until the deadline" in log)
    runtime.api.go_on(stalled)
    assert not stalled.response().complete


def test_a_connection_opened_in_an_invocation_brings_nothing_of_it_to_the_next(runtime: StreamProcess) -> None:
    """The event's connection cannot be used again, so the response opens one, in the app's context."""
    assert runtime.invoke(function_url_event("/context"), headers={"Connection": "close"}).status == 200
    assert runtime.invoke(function_url_event("/context")).json["left_behind"] == "nothing"


def test_an_api_out_of_reach_when_a_response_starts_costs_that_response_alone(
    runtime: StreamProcess, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    runtime.submit(function_url_event("/gated_start", query=str(gate)), headers={"Connection": "close"})
    runtime.wait_for_log(lambda log: "at the gate" in log)
    with runtime.api.unreachable():
        gate.touch()
        runtime.wait_for_log(lambda log: "could not be delivered" in log)
    assert serves_on(runtime)
    assert runtime.invoke(function_url_event("/notes")).json == ["ConnectionRefusedError"]


@pytest.mark.parametrize("failure", [0, 403, 500], ids=["closed", "403", "500"])
def test_a_failing_next_is_asked_again(runtime: StreamProcess, failure: int) -> None:
    runtime.api.next_failures += [failure, failure]
    assert serves_on(runtime)
    assert serves_on(runtime)
    assert serves_on(runtime)
    assert runtime.api.next_failures == []


def test_a_next_that_always_fails_ends_the_process() -> None:
    with StreamProcess("app") as runtime:
        runtime.api.next_failures += [500] * 50
        runtime.invoke(function_url_event("/hello"))
        assert runtime.exit_code() == 1
        assert "gave no invocation 6 times in a row, last status 500" in runtime.log()


@pytest.mark.parametrize("chunked", [False, True])
def test_an_event_of_6_mb_arrives_whole(runtime: StreamProcess, chunked: bool) -> None:
    body = "ä" * (3 * 2**20)
    response = runtime.invoke(function_url_event("/echo", method="POST", body=body), chunked=chunked)
    assert response.json["body"] == body


@pytest.mark.parametrize(
    ("event", "kind", "message"),
    [
        (b"{", "Runtime.UnmarshalError", "Expecting property name"),
        ([1], "Runtime.UnsupportedEvent", "no JSON object but list"),
        ({"Records": []}, "Runtime.UnsupportedEvent", "no HTTP request; its keys are ['Records']"),
        (
            {"requestContext": {"connectionId": "x", "eventType": "CONNECT", "routeKey": "$connect"}},
            "Runtime.UnsupportedEvent",
            "WebSocket events are not supported",
        ),
        ({"requestContext": {"elb": {}}, "httpMethod": "GET"}, "Runtime.UnsupportedEvent", "Load Balancer"),
        ({**function_url_event("/hello"), "routeArn": "arn:x"}, "Runtime.UnsupportedEvent", "authorizer"),
        (
            {**rest_api_event("/hello"), "type": "REQUEST", "methodArn": "arn:x"},
            "Runtime.UnsupportedEvent",
            "authorizer",
        ),
        (b"[" * 200_000, "Runtime.UnmarshalError", "recursion"),
    ],
)
def test_an_event_that_is_not_an_http_request_gets_a_clear_error(
    runtime: StreamProcess, event: object, kind: str, message: str
) -> None:
    submitted = runtime.submit(event, headers={"Lambda-Runtime-Invocation-Id": "inv-8"})
    report = submitted.response()
    assert report.path.endswith(f"/invocation/{submitted.request_id}/error")
    assert report.header("Lambda-Runtime-Function-Error-Type") == kind
    assert report.header("Lambda-Runtime-Invocation-Id") == "inv-8"
    document = json.loads(report.body)
    assert document["errorType"] == kind
    assert message in document["errorMessage"]
    assert document["requestId"] == submitted.request_id
    assert serves_on(runtime)


def test_a_context_that_cannot_be_read_gets_a_clear_error(runtime: StreamProcess) -> None:
    report = runtime.invoke(function_url_event("/hello"), headers={"Lambda-Runtime-Client-Context": "{"})
    assert report.header("Lambda-Runtime-Function-Error-Type") == "Runtime.LambdaContextUnmarshalError"
    assert serves_on(runtime)
