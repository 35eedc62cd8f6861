"""The time budgets fit together, and a call to an endpoint that never answers ends within its budget."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from assistant import budgets
from assistant.aws import keys
from assistant.context import Resources
from assistant.errors import StoreUnavailableError
from assistant.settings import Settings
from assistant.turns import stop
from lambda_stream import settings as runtime

pytestmark = pytest.mark.anyio


def test_one_attempt_fits_into_a_call() -> None:
    assert budgets.CONNECT_SECONDS + budgets.READ_SECONDS < budgets.TABLE_CALL_SECONDS < budgets.OBJECT_CALL_SECONDS


def test_a_lease_outlives_one_renewal_that_fails_and_the_next_one() -> None:
    second_renewal = budgets.RENEWAL_SECONDS + budgets.TABLE_CALL_SECONDS
    assert second_renewal + budgets.READ_SECONDS <= budgets.LEASE_SECONDS


def test_a_turn_ends_before_the_runtime_tells_it_to() -> None:
    assert budgets.TABLE_CALL_SECONDS < budgets.END_MARGIN_SECONDS
    assert runtime.DEFAULT_MARGIN_MS / 1000 < budgets.END_MARGIN_SECONDS


def test_the_hook_and_the_export_fit_into_the_functions_last_seconds() -> None:
    after = budgets.HOOK_SECONDS + budgets.TRACE_FLUSH_SECONDS + budgets.LAST_SECONDS
    assert after <= budgets.END_MARGIN_SECONDS
    assert budgets.LAST_SECONDS >= runtime.DEFAULT_CUT_MS / 1000


def test_an_early_cancel_outlives_its_requests_way_to_the_claim() -> None:
    claim = budgets.COLD_START_SECONDS + budgets.OBJECT_CALL_SECONDS + budgets.TABLE_CALL_SECONDS
    assert stop.CLAIM_WAIT_SECONDS < claim < budgets.EARLY_CANCEL_SECONDS


CALLS: dict[str, Callable[[Resources], Awaitable[object]]] = {
    "assistant.aws.table.TABLE_CALL_SECONDS": lambda resources: resources.table.get(keys.Key("a", "b")),
    "assistant.aws.objects.OBJECT_CALL_SECONDS": lambda resources: resources.objects.get("a"),
}


@pytest.mark.parametrize("budget", CALLS)
async def test_an_endpoint_that_never_answers_costs_no_more_than_the_budget(
    monkeypatch: pytest.MonkeyPatch, budget: str
) -> None:
    connected = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(never_answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    # botocore alone would wait for four attempts of two seconds each.
    monkeypatch.setattr(budget, 0.5)
    resources = Resources(Settings(auth_mode="guest", table_name="table", bucket_name="bucket"))
    async with server:
        with pytest.raises(StoreUnavailableError):
            await asyncio.wait_for(CALLS[budget](resources), 5.5)
        assert connected.is_set()
