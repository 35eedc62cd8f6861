"""Whatever users do and whatever happens to processes and to AWS: what a client saw as done is stored, once.

A failure prints its seed, and the command that replays it. What happens is the seed's; when it happens, beside what
else goes on, is not quite, so a seed that has failed may have to be run a few times to fail again.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.random_run.run import Plan, run
from tests.support.aws import Aws

pytestmark = pytest.mark.anyio

PLANS = [Plan(2, seconds=6.0, pages=3)]
# Decides what happens in the long run.
SEED = int(os.environ.get("RANDOM_RUN_SEED", "1"))
LONG_SECONDS = 600.0
# A long run that has found something.
FOUND = Plan(5, 200.0, users=3, pages=4, streams=3, quick=False)


@pytest.mark.parametrize("plan", PLANS, ids=str)
async def test_what_was_shown_as_done_is_stored(plan: Plan, fresh_table_and_bucket: Aws, tmp_path: Path) -> None:
    report = await run(plan, fresh_table_and_bucket, tmp_path)
    assert not report.violations, str(report)


@pytest.mark.exhaustive
@pytest.mark.parametrize("plan", [Plan(SEED, LONG_SECONDS, users=4, pages=4, streams=3, quick=False), FOUND], ids=str)
async def test_what_was_shown_as_done_is_stored_in_a_long_run(
    plan: Plan, fresh_table_and_bucket: Aws, tmp_path: Path
) -> None:
    report = await run(plan, fresh_table_and_bucket, tmp_path)
    assert not report.violations, str(report)
