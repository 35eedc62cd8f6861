"""X-Ray subsegments of parallel calls, and none without tracing."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from assistant.aws.tracing import segment

SAMPLED = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:0"


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(0.2)
        monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", f"127.0.0.1:{bound.getsockname()[1]}")
        monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED)
        yield bound


def _received(daemon: socket.socket) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    while True:
        try:
            header, _, document = daemon.recv(65_536).partition(b"\n")
        except TimeoutError:
            return documents
        assert json.loads(header) == {"format": "json", "version": 1}
        documents.append(json.loads(document))


def test_each_of_several_calls_at_once_has_its_own_end(daemon: socket.socket) -> None:
    ended: dict[str, asyncio.Event] = {}

    async def call(name: str, after: str | None) -> None:
        ended[name] = asyncio.Event()
        with segment(name, "aws", operation="Query"):
            await asyncio.sleep(0)
            if after is not None:
                await ended[after].wait()
        ended[name].set()

    async def at_once() -> None:
        await asyncio.gather(call("last", "middle"), call("first", None), call("middle", "first"))

    asyncio.run(at_once())
    documents = _received(daemon)
    assert [document["name"] for document in documents] == ["first", "middle", "last"]
    assert {document["parent_id"] for document in documents} == {"53995c3f42cd8ad8"}
    assert {document["trace_id"] for document in documents} == {"1-5759e988-bd862e3fe1be46a994272793"}


def test_a_refusal_is_an_error_and_any_other_failure_a_fault(daemon: socket.socket) -> None:
    for failure in (KeyError("secret words"), OSError("secret words")):
        with pytest.raises(type(failure)), segment("S3", "aws", (KeyError,), operation="GetObject"):
            raise failure
    refused, failed = _received(daemon)
    assert refused["error"] is True
    assert "fault" not in refused
    assert failed["fault"] is True
    assert "secret" not in json.dumps([refused, failed])


@pytest.mark.parametrize("header", [SAMPLED.replace("Sampled=1", "Sampled=0"), "", "nonsense", None])
def test_an_invocation_that_is_not_sampled_sends_nothing(
    daemon: socket.socket, monkeypatch: pytest.MonkeyPatch, header: str | None
) -> None:
    if header is None:
        monkeypatch.delenv("_X_AMZN_TRACE_ID")
    else:
        monkeypatch.setenv("_X_AMZN_TRACE_ID", header)
    with segment("DynamoDB", "aws"):
        pass
    assert _received(daemon) == []


def test_a_daemon_that_is_not_there_costs_nothing_but_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", SAMPLED)
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "tcp:127.0.0.1:1 udp:127.0.0.1:1")
    for _ in range(3):
        with segment("DynamoDB", "aws"):
            pass
