"""The deadline guard warns the app and ends its response in time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.lambda_events import function_url_event
from tests.support.stream_process import StreamProcess


@pytest.fixture(scope="module")
def runtime() -> Iterator[StreamProcess]:
    with StreamProcess("app", LAMBDA_STREAM_DEADLINE_MARGIN_MS="800", LAMBDA_STREAM_DEADLINE_CUT_MS="300") as process:
        yield process


def test_an_app_is_told_of_the_deadline_while_it_can_still_send(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/stores_at_deadline"), deadline=1.2)
    assert response.payload == b"part http.disconnect stored"
    assert (response.complete, response.trailers) == (True, [])
    assert runtime.invoke(function_url_event("/notes")).json[-1] == "True"


def test_an_app_that_does_not_listen_is_cut_and_its_client_learns_why(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/ignores_deadline"), deadline=1.2)
    assert (response.payload, response.complete) == (b"part", True)
    assert response.error_type == "Runtime.DeadlineExceeded"
    assert runtime.invoke(function_url_event("/notes")).json[-1] == "cancelled"


def test_an_app_that_never_started_a_response_gets_a_504_sent(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/never_starts"), deadline=1.2)
    assert (response.status, response.payload) == (504, b"Gateway Timeout")
    assert runtime.invoke(function_url_event("/hello")).status == 201


def test_an_app_that_never_waits_is_cut_too(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/never_yields"), deadline=1.2)
    assert response.error_type == "Runtime.DeadlineExceeded"
    assert runtime.invoke(function_url_event("/hello")).status == 201


def test_the_margin_is_configurable() -> None:
    with StreamProcess("app", LAMBDA_STREAM_DEADLINE_MARGIN_MS="59000") as runtime:
        # With 60 s to go, only a margin of nearly all of them makes the app hear of it now: at half.
        submitted = runtime.submit(function_url_event("/stores_at_deadline"), deadline=2.0)
        assert submitted.response(1.9).payload == b"part http.disconnect stored"


def test_a_response_that_ends_in_time_hears_of_no_deadline(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/hello"), deadline=1.2)
    assert response.trailers == []
    # The guard of the ended invocation must not touch the next one.
    following = runtime.invoke(function_url_event("/many", query="1,2000"), deadline=60)
    assert (following.complete, following.trailers) == (True, [])


def test_an_invocation_without_a_deadline_is_served(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/hello"), headers={"Lambda-Runtime-Deadline-Ms": ""})
    assert (response.status, response.trailers) == (201, [])
