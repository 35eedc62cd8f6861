"""A turn reserves what it will use, reserves more for later model calls, and is settled once, whoever ends it."""

from __future__ import annotations

from typing import Any

import pytest

from assistant import clock, quotas
from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.models import current_meter
from assistant.prices import Price
from assistant.quotas import shards
from assistant.settings import Quota
from assistant.threads import load_record
from assistant.threads.store import ThreadStore
from assistant.turns.lease import take_over
from tests.integration.turns.conftest import ProcessMaker, begin_stalled
from tests.support.provider_server import Answer, ProviderServer, Text, ToolCall
from tests.support.turns import Process, creation, eventually, follow

pytestmark = pytest.mark.anyio

# A model call of a new thread reserves at least this.
RESERVED = quotas.OVERHEAD_TOKENS + quotas.USUAL_OUTPUT_TOKENS
CALL = Answer(ToolCall("look_up", {"what": "it"}), usage=(3_000, 1_000))
CALL_TOKENS = 4_000


async def day(here: Process) -> dict[str, Any]:
    """Return the user's row of today."""
    row = await here.resources.table.get(Key(here.caller.partition, keys.day_usage_sk(clock.now())))
    assert row is not None
    return row


async def rows(here: Process, pk: str) -> list[dict[str, Any]]:
    found, _ = await here.resources.table.query(pk, between=(keys.FIRST_SK, keys.LAST_SK), limit=100)
    return found


async def of_tenant(here: Process) -> dict[str, int]:
    """Return the sums of the tenant's counters."""
    found = await rows(here, keys.tenant_partition(here.caller.tenant_id))
    return {name: sum(row.get(name, 0) for row in found) for name in ("tokens", "reserved", "spend")}


@pytest.fixture
def tenant(process: ProcessMaker) -> Any:
    """Makes processes of a tenant of this test's own."""

    def make(**changes: Any) -> Process:
        here = process(thread_titles=False, **changes)
        here.caller = type(here.caller)(f"settled-{here.caller.user_id}", here.caller.user_id)
        return here

    return make


@pytest.mark.parametrize("of", ["user", "tenant"])
@pytest.mark.parametrize("limit", [{"tokens_per_day": 10_000}, {"spend_per_day": 0.01}], ids=["tokens", "money"])
async def test_a_turn_makes_no_further_model_call_when_the_day_is_used_up_and_keeps_its_answer(
    tenant: Any, provider: ProviderServer, of: str, limit: dict[str, Any]
) -> None:
    # One dollar is a million tokens.
    here = tenant(**{f"{of}_quota": Quota(**limit)}, model_prices=(("gpt-6-luna", Price(read=1.0, written=1.0)),))
    provider.script(
        Answer(Text("Let me see. "), ToolCall("look_up", {"what": "it"}), usage=(3_000, 1_000)), *[CALL] * 10
    )
    client = await follow(await here.start(creation("hello")))
    assert client.error is not None
    assert (client.error.message, client.error.allow_retry) == (
        "Today's usage limit is reached, so this answer is incomplete.",
        False,
    )
    assert client.text == "Let me see. "
    used = (await quotas.usage(here.context()))["tokens"]
    assert used == CALL_TOKENS * len(provider.requests)
    # The last call began below the limit.
    assert 10_000 - RESERVED - CALL_TOKENS <= used <= 10_000 + RESERVED + CALL_TOKENS
    row = await day(here)
    assert (row["reserved_tokens"], row["reserved_spend"]) == (0, 0)
    assert (await of_tenant(here))["reserved"] == 0


async def test_a_title_that_is_written_first_takes_nothing_from_the_first_answer(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def after_the_title(*given: Any) -> None:
        # The tests' titles have a model of their own, which counts nothing.
        current_meter().count("gpt-6-luna", 300, 20)
        await reserve_call(*given)

    reserve_call = quotas.reserve_call
    monkeypatch.setattr(quotas, "reserve_call", after_the_title)
    # The claim's own reservation reaches the limit.
    here = process(user_quota=Quota(tokens_per_day=1_000))
    provider.script(Answer(Text("Found."), usage=(300, 100)))
    client = await follow(await here.start(creation("hello")))
    assert (client.error, client.text) == (None, "Found.")


async def test_a_turn_within_the_limit_grows_and_is_counted_once(tenant: Any, provider: ProviderServer) -> None:
    here = tenant(user_quota=Quota(tokens_per_day=100_000), tenant_quota=Quota(tokens_per_day=100_000))
    provider.script(*[CALL] * 4, Answer(Text("Found."), usage=(3_000, 1_000)))
    client = await follow(await here.start(creation("hello")))
    assert (client.error, client.text) == (None, "Found.")
    row = await day(here)
    assert (row["tokens"], row["reserved_tokens"]) == (5 * CALL_TOKENS, 0)
    assert await of_tenant(here) == {"tokens": 5 * CALL_TOKENS, "reserved": 0, "spend": 0}


async def test_a_turn_that_outgrows_a_shard_of_its_tenant_reserves_in_another(
    tenant: Any, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "TOKENS_PER_SHARD", 3_000)
    here = tenant(tenant_quota=Quota(tokens_per_day=30_000))
    provider.script(*[CALL] * 4, Answer(Text("Found."), usage=(3_000, 1_000)))
    client = await follow(await here.start(creation("hello")))
    assert client.text == "Found."
    assert await of_tenant(here) == {"tokens": 5 * CALL_TOKENS, "reserved": 0, "spend": 0}
    found = await rows(here, keys.tenant_partition(here.caller.tenant_id))
    assert len([row for row in found if row.get("tokens")]) > 1


async def taken_over(here: Process, there: Process, thread_id: str) -> None:
    """End a turn by another process, as of the turn's next checkpoint with its partial answer."""

    async def ended() -> bool:
        record = load_record(await there.turn_row(thread_id))
        assert record is not None
        return bool(record.partial) and await take_over(there.context(), thread_id, record)

    await eventually(ended, "the turn is taken over")


async def test_a_takeover_settles_the_turn_and_its_own_process_adds_only_the_rest(
    tenant: Any, provider: ProviderServer
) -> None:
    quota = Quota(tokens_per_day=100_000)
    here, there = tenant(user_quota=quota, tenant_quota=quota), tenant(user_quota=quota, tenant_quota=quota)
    there.caller = here.caller
    handle = await begin_stalled(here, provider)
    before = await day(here)
    assert before["tokens"] == before["reserved_tokens"] >= RESERVED
    await taken_over(here, there, handle.thread_id)
    settled, of_all = await day(here), await of_tenant(here)
    # The call was cut off. Its tokens are estimated as of the checkpoint.
    assert (settled["reserved_tokens"], of_all["reserved"]) == (0, 0)
    assert 0 < settled["tokens"] == of_all["tokens"] < RESERVED
    live = await here.resources.table.get(Key(here.caller.partition, keys.LIVE_SK))
    assert live is not None
    assert "running" not in live
    await handle.wait()
    after, of_all = await day(here), await of_tenant(here)
    assert (after["reserved_tokens"], of_all["reserved"]) == (0, 0)
    assert settled["tokens"] <= after["tokens"] == of_all["tokens"] < RESERVED


async def test_a_turn_whose_thread_is_deleted_is_settled_once(tenant: Any, provider: ProviderServer) -> None:
    quota = Quota(tokens_per_day=100_000)
    here = tenant(user_quota=quota, tenant_quota=quota)
    handle = await begin_stalled(here, provider)
    await ThreadStore(here.resources).delete_thread(handle.thread_id, here.context())
    await handle.wait()
    row, of_all = await day(here), await of_tenant(here)
    assert (row["reserved_tokens"], of_all["reserved"]) == (0, 0)
    assert 0 < row["tokens"] == of_all["tokens"] < RESERVED
