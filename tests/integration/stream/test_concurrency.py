"""Many invocations in one process, at the same time and one after another."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.lambda_events import function_url_event
from tests.support.runtime_api import Handling
from tests.support.stream_process import StreamProcess

AT_ONCE = 64
IN_A_ROW = 1_000
SLACK = 2 * 2**20
"""Bytes that a process may grow by over the run, for allocators round; a leak of 2 KB an invocation does not fit."""


def test_64_invocations_are_inside_one_process_at_once_and_see_nothing_of_each_other() -> None:
    with StreamProcess("app", workers=AT_ONCE, AWS_LAMBDA_MAX_CONCURRENCY=str(AT_ONCE)) as runtime:
        event = function_url_event("/meets", query=str(AT_ONCE))
        submitted = [runtime.submit(event) for _ in range(AT_ONCE)]
        for invocation in submitted:
            response = invocation.response()
            # Its own id in its context and in its context variable; no trace in an environment that all share.
            assert response.json == [invocation.request_id, invocation.request_id, None]
        assert len({request.connection for request in runtime.api.seen("POST", "/response")}) == AT_ONCE


def test_a_fault_of_one_invocation_leaves_the_others_alone() -> None:
    with StreamProcess("app", workers=8, AWS_LAMBDA_MAX_CONCURRENCY="8") as runtime:
        broken = [
            runtime.submit(function_url_event("/raises_when_broken"), Handling(cut=True, after=2000)) for _ in range(4)
        ]
        whole = [runtime.submit(function_url_event("/many", query="100,300")) for _ in range(12)]
        assert all(len(invocation.response().payload) == 30_000 for invocation in whole)
        assert not any(invocation.response().complete for invocation in broken)
        runtime.api.wait_until_polled(8)


def test_an_invocation_leaves_no_reference_cycles() -> None:
    with StreamProcess("app") as runtime:
        runtime.invoke(function_url_event("/garbage"))
        for _ in range(IN_A_ROW // 10):
            runtime.invoke(function_url_event("/context"))
        # A cycle would keep each event and its scope, up to 6 MB, until the collector comes.
        assert runtime.invoke(function_url_event("/garbage")).json < IN_A_ROW // 10


@pytest.mark.parametrize("uvloop", [True, False], ids=["uvloop", "asyncio"])
def test_a_thousand_in_a_row_leak_nothing(uvloop: bool, no_uvloop: str) -> None:
    environment: dict[str, Any] = {} if uvloop else {"PYTHONPATH": no_uvloop}
    with StreamProcess("app", **environment) as runtime:
        assert ("uvloop.loop" in runtime.invoke(function_url_event("/process")).json["modules"]) is uvloop

        def run(count: int) -> dict[str, int]:
            for number in range(count):
                match number % 10:
                    case 7:
                        runtime.invoke(function_url_event("/raises_between"))
                    case 8:
                        runtime.invoke(function_url_event("/raises_when_broken"), Handling(refuse=413, after=1000))
                    case 9:
                        runtime.invoke(b"no event")
                    case _:
                        runtime.invoke(function_url_event("/context"))
            facts: dict[str, int] = runtime.invoke(function_url_event("/process")).json
            return facts

        before = run(IN_A_ROW // 5)
        after = run(IN_A_ROW)
        assert after["descriptors"] == before["descriptors"]
        assert after["tasks"] == before["tasks"]
        assert after["resident"] - before["resident"] < SLACK
        assert runtime.invoke(function_url_event("/context")).json["left_behind"] == "nothing"
