"""A tenant's limit is counted in shards, which add up to the limit. A claim moves from a full shard to another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from assistant.aws import keys
from assistant.errors import QuotaExceededError
from assistant.quotas import shards, window
from assistant.quotas.shards import MAX_SHARDS
from assistant.settings import Quota
from tests.integration.turns.conftest import ProcessMaker
from tests.support.faults import failing
from tests.support.provider_server import Answer, ProviderServer, Text
from tests.support.turns import Process, creation, follow

pytestmark = pytest.mark.anyio


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a small limit have many shards, and let no minute pass during a test."""
    monkeypatch.setattr(window, "WINDOW_SECONDS", 3600)
    monkeypatch.setattr(shards, "TURNS_PER_SHARD", 1)
    monkeypatch.setattr(shards, "TOKENS_PER_SHARD", 1)


async def rows(here: Process) -> list[dict[str, Any]]:
    """Return the rows of the tenant's usage."""
    pk = keys.tenant_partition(here.caller.tenant_id)
    found, _ = await here.resources.table.query(pk, between=(keys.USAGE_PREFIX, "Q$"), limit=2 * MAX_SHARDS)
    return found


@pytest.mark.parametrize("per_second", [1, 30, 200])
def test_no_row_of_a_large_limit_is_hot(per_second: int) -> None:
    shares = shards.shares("turns", 60 * per_second)
    assert sum(shares) == 60 * per_second
    # Claims of one row conflict at about 30 a second.
    assert max(shares) / 60 < 10


@pytest.mark.usefixtures("small_shards")
async def test_as_many_turns_begin_as_the_limit_allows_whatever_shards_they_choose(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    limit = 6
    provider.script(*[Answer(Text("fine"))] * limit)
    here = process(tenant_quota=Quota(turns_per_minute=limit), thread_titles=False)

    async def begin() -> bool:
        try:
            handle = await here.start(creation("hello"))
        except QuotaExceededError:
            return False
        await handle.wait()
        return True

    # One after the other: which of many claims at once sees a full shard is a matter of chance.
    begun = [await begin() for _ in range(limit + 3)]
    assert begun == [True] * limit + [False] * 3
    assert [len(row["recent"]) for row in await rows(here)] == [1] * limit


@pytest.mark.usefixtures("small_shards")
async def test_claims_at_once_use_different_shards(process: ProcessMaker, provider: ProviderServer) -> None:
    provider.script(*[Answer(Text("fine"))] * 8)
    here = process(tenant_quota=Quota(turns_per_minute=1_000), thread_titles=False, max_concurrent_turns=8)
    before = sum(len(row["recent"]) for row in await rows(here))
    handles = await asyncio.gather(*(here.start(creation(f"hello {number}")) for number in range(8)))
    for handle in handles:
        await handle.wait()
    written = await rows(here)
    assert sum(len(row["recent"]) for row in written) == before + 8
    assert len(written) > 1


@pytest.mark.usefixtures("small_shards")
async def test_the_tokens_of_a_tenant_are_counted_after_the_end_and_cannot_fail_it(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(Text("fine")), Answer(Text("fine")))
    here = process(tenant_quota=Quota(tokens_per_day=1_000_000), thread_titles=False)
    first = await here.start(creation("hello"))
    await first.wait()
    story = await here.story(first.thread_id, first.turn_id)
    used = story["input_tokens"] + story["output_tokens"]
    assert used > 0
    assert sum(row.get("tokens", 0) for row in await rows(here)) == used
    tenant = keys.tenant_partition(here.caller.tenant_id).encode()
    second = await here.start(creation("hello"))
    with failing(here.resources.table.client, "access denied", only=lambda body: tenant in body):
        client = await follow(second)
        await second.wait()
    assert client.error is None
    assert (await here.story(second.thread_id, second.turn_id))["outcome"] == "done"
