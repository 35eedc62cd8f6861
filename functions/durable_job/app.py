"""The function `job` as a durable function of Lambda: it runs one job of the agents' package, slice by slice.

Lambda stores only the progress of the execution, and invokes this function again. The job's row alone has its state,
checkpoint, lease and cancel. So a repeated slice continues from that row.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.retries import RetryDecision

from assistant.context import Resources
from assistant.jobs import LEASE, JobRef, ref_of, run_job, seconds_to_next_run

# Stop at a checkpoint this long before the invocation ends.
MARGIN_MILLISECONDS = 120_000
# Lambda limits the operations of one execution, and a slice has two. These are nine days, and an execution has a week.
MAX_SLICES = 1_000
# A slice fails if it cannot reach the table. Lambda repeats it after the end of its lease, as the sweep would.
MAX_ATTEMPTS = 10

resources = Resources()


def _retry(error: Exception, attempt: int) -> RetryDecision:
    if attempt >= MAX_ATTEMPTS:
        return RetryDecision.no_retry()
    return RetryDecision.retry(Duration.from_seconds(LEASE.total_seconds()))


async def _slice(ref: JobRef, context: DurableContext) -> int | None:
    """Run the job until this invocation is about to end. Return the seconds until the next slice; None at its end."""
    invocation = context.lambda_context
    assert invocation is not None  # noqa: S101 - the decorator has set it
    await run_job(resources, ref, time_is_up=lambda: invocation.get_remaining_time_in_millis() < MARGIN_MILLISECONDS)
    return await seconds_to_next_run(resources, ref)


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> dict[str, bool]:
    """Run the job that the event names, until it ends. Return whether it needs no other execution."""
    ref = ref_of(event)

    def run(step: StepContext) -> int | None:
        return asyncio.run(_slice(ref, context))

    for _ in range(MAX_SLICES):
        seconds = context.step(run, "run", StepConfig(retry_strategy=_retry))
        if seconds is None:
            return {"done": True}
        # The wait ends this invocation, so that the next slice has all of Lambda's 15 minutes.
        context.wait(Duration.from_seconds(seconds), "pause")
    return {"done": False}
