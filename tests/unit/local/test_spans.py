"""The dev server takes the place of the X-Ray daemon: the panel shows the calls of a process in a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from assistant.aws.tracing import segment
from assistant.failures import Failure
from local.log import FailureSender
from local.spans import DAEMON, MAX_BYTES, Spans, open_socket, trace_environment


def after(spans: Spans, count: int, found: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Return what is found when so many calls have arrived."""
    while len(spans) < count:
        time.sleep(0.01)
    return found()


def test_the_calls_of_a_process_in_a_time_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = open_socket()
    spans, start = Spans(receiver), time.time()
    for process in ("chat", "stream"):
        for name, value in trace_environment(process, receiver).items():
            monkeypatch.setenv(name, value)
        with segment("DynamoDB", "aws", operation="Query", table_name="t"):
            pass
    with pytest.raises(ValueError, match="broken"), segment("openai", "remote", model="gpt"):
        raise ValueError("broken")
    calls = after(spans, 3, lambda: spans.of("stream", start, time.time()))
    assert [(each["service"], each["what"], each["failed"]) for each in calls] == [
        ("DynamoDB", "Query", False),
        ("openai", "gpt", True),
    ]
    assert spans.of("stream", start - 2, start - 1) == []
    assert trace_environment("sweep", receiver) == {}


def test_failures_are_told_with_the_newest_first_and_a_long_one_without_its_trace() -> None:
    receiver = open_socket()
    spans, environment = Spans(receiver), trace_environment("stream", receiver)
    send = FailureSender("stream", environment[DAEMON])
    for what, trace in (("first", "frames"), ("second", "x" * MAX_BYTES)):
        send(Failure(what, "KeyError: 'x'", "layers/agents/acme/tools.py:3 in count", trace))
    while len(spans.failures()) < 2:
        time.sleep(0.01)
    assert [(each["what"], each["trace"], each["process"]) for each in spans.failures()] == [
        ("second", "", "stream"),
        ("first", "frames", "stream"),
    ]
