"""The runtime sends the same bytes as AWS's Node client (npm `aws-lambda-ric`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.stream.golden.record import CASES, CLIENT, RECORDED, ClientUnavailable, facts, record
from tests.support.lambda_events import function_url_event
from tests.support.stream_process import StreamProcess

OURS_ALONE = {"User-Agent", "Lambda-Runtime-Invocation-Id"}
THEIRS_ALONE = {"Connection"}
"""Node names the default of HTTP/1.1, keep-alive."""

NAMES = [case["name"] for case in CASES]


@pytest.fixture(scope="module")
def runtime() -> Iterator[StreamProcess]:
    with StreamProcess("tests.integration.stream.golden.app:app") as process:
        yield process


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(RECORDED.read_text())
    assert document["client"] == CLIENT
    assert list(document["responses"]) == NAMES
    responses: dict[str, Any] = document["responses"]
    return responses


def header_names(response: dict[str, Any]) -> set[str]:
    return {name for name, _ in response["headers"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_response_equals_what_aws_sends_but_for_named_headers(
    runtime: StreamProcess, recorded: dict[str, Any], name: str
) -> None:
    response = runtime.invoke(function_url_event(f"/{name}"), headers={"Lambda-Runtime-Invocation-Id": "inv-1"})
    ours = facts(response, runtime.api.address)
    theirs = dict(recorded[name])
    assert header_names(ours) - header_names(theirs) == OURS_ALONE
    assert header_names(theirs) - header_names(ours) == THEIRS_ALONE
    ours["headers"] = [header for header in ours["headers"] if header[0] not in OURS_ALONE]
    theirs["headers"] = [header for header in theirs["headers"] if header[0] not in THEIRS_ALONE]
    assert ours == theirs


@pytest.mark.exhaustive
def test_the_recorded_facts_are_what_the_client_still_sends(recorded: dict[str, Any]) -> None:
    try:
        assert record() == recorded
    except ClientUnavailable as error:
        pytest.skip(f"npm could not fetch {CLIENT}: {error}")
