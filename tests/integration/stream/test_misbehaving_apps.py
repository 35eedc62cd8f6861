"""Apps that break rules or behave unusually affect only their own invocation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.lambda_events import function_url_event
from tests.support.runtime_api import Handling
from tests.support.stream_process import StreamProcess

APPS = "tests.integration.stream.misbehaving"


@pytest.fixture(scope="module")
def runtime() -> Iterator[StreamProcess]:
    with StreamProcess(f"{APPS}:app") as process:
        yield process


@pytest.fixture(autouse=True)
def serves_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """After each test the shared process must serve."""
    yield
    if "runtime" in request.fixturenames:
        process: StreamProcess = request.getfixturevalue("runtime")
        assert process.invoke(function_url_event("/hello")).payload == b"hello"


def test_a_view_may_be_released_once_it_is_sent(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/releases_its_view")).payload == b"viewed and done"


@pytest.mark.parametrize("size", [1, 100_000])
def test_a_buffer_may_be_refilled_once_it_is_sent(runtime: StreamProcess, size: int) -> None:
    payload = runtime.invoke(function_url_event("/refills_its_buffer", query=str(size))).payload
    assert payload == b"".join(bytes([letter]) * size for letter in b"ABCDE")


def test_a_chunk_is_as_long_as_its_bytes(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/views_wide_items")).payload == b"12345678"


def test_a_body_that_is_no_bytes_is_an_error_where_it_is_sent(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/sends_text"))
    assert (response.payload, response.complete) == (b"bytes", True)


def test_any_kind_of_exception_before_the_start_is_a_500(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/raises_its_own_kind_before")).status == 500
    assert "of no usual kind" in runtime.log()


def test_any_kind_of_exception_in_mid_stream_is_told_in_the_trailers(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/raises_its_own_kind_between"))
    assert response.error_type == "Function.BaseExceptionGroup"


def test_an_exception_without_a_text_is_told_in_the_trailers(runtime: StreamProcess) -> None:
    response = runtime.invoke(function_url_event("/raises_without_words"))
    assert response.error_type == "Function.Wordless"
    assert "cannot be put into words" in response.error_body["errorMessage"]


def test_a_text_that_has_no_utf_8_form_is_logged_all_the_same(runtime: StreamProcess) -> None:
    assert runtime.invoke(function_url_event("/speaks_half_a_surrogate")).status == 500
    assert "half of \\ud83d" in runtime.log()
    assert "--- Logging error ---" not in runtime.log()


def test_an_app_that_goes_on_sending_into_a_broken_stream_ends_at_its_deadline(runtime: StreamProcess) -> None:
    runtime.invoke(function_url_event("/swallows_every_error"), Handling(cut=True, after=5000), deadline=1.5)


def test_an_app_that_outlives_its_deadline_is_no_stalled_reader() -> None:
    with StreamProcess(f"{APPS}:app") as runtime:
        response = runtime.invoke(function_url_event("/ignores_cancelling", query="2.5"), deadline=1.5)
        assert response.error_type == "Runtime.DeadlineExceeded"
        assert runtime.invoke(function_url_event("/hello")).payload == b"hello"
        assert "stalled" not in runtime.log()


@pytest.mark.parametrize("start", ["0,x-a", "101,x-a", "1000,x-a", "200,x a:", "200,"])
def test_a_start_that_is_none_is_a_500(runtime: StreamProcess, start: str) -> None:
    assert runtime.invoke(function_url_event("/bad_start", query=start)).status == 500


def test_sigterm_ends_a_process_whose_app_ignores_it() -> None:
    with StreamProcess(f"{APPS}:app") as runtime:
        runtime.submit(function_url_event("/terminates_itself", query="3600"))
        assert runtime.exit_code() == 0


def test_sigterm_ends_a_process_whose_shutdown_never_ends() -> None:
    with StreamProcess(f"{APPS}:slow_shutdown") as runtime:
        assert runtime.terminate() == 0
        assert "shutting down" in runtime.log()
        assert "longer than Lambda allows" in runtime.log()


@pytest.mark.parametrize(
    ("app", "kind", "message", "environment"),
    [
        (f"{APPS}:exits_at_startup", "Runtime.LifespanFailed", "SystemExit no licence", {}),
        ("exits_at_import:app", "Function.SystemExit", "not today", {}),
        ("app", "Runtime.InvalidSettings", "MARGIN_MS is not a number", {"LAMBDA_STREAM_DEADLINE_MARGIN_MS": "soon"}),
    ],
)
def test_every_start_that_fails_is_reported(
    app: str, kind: str, message: str, environment: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "exits_at_import.py").write_text("raise SystemExit('not today')\n")
    path = ":".join((str(Path(__file__).parents[3]), str(tmp_path)))
    with StreamProcess(app, PYTHONPATH=path, ready=False, **environment) as runtime:
        assert runtime.exit_code() == 1
        (report,) = runtime.api.seen("POST", "/runtime/init/error")
        assert report.header("Lambda-Runtime-Function-Error-Type") == kind
        assert message in report.body.decode()
