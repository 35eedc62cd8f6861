"""What a deployment sees of itself: one structured line a turn, metrics by outcome and provider, X-Ray segments.

None of it carries anybody's text; a user appears as a hash. Powertools is loaded when the first turn ends, so a read
pays nothing for it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.metrics import EphemeralMetrics
    from aws_lambda_powertools.tracing import Tracer

    from assistant.context import RequestContext

SERVICE = "chatkit"
# The namespace of the metrics, which the template's dashboard and alarms name too.
NAMESPACE = "ChatKit"
# Lambda sets it for an invocation that is traced.
_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"


@cache
def logger() -> Logger:
    """Return the structured logger: JSON lines on standard output."""
    from aws_lambda_powertools import Logger

    return Logger(service=SERVICE, name="assistant.turns.line")


@cache
def _tracer() -> Tracer:
    from aws_lambda_powertools import Tracer

    return Tracer(service=SERVICE, auto_patch=False)


def user_hash(user_id: str) -> str:
    """Return a stable stand-in for a user's id, so that lines can be joined and name nobody."""
    return sha256(user_id.encode()).hexdigest()[:16]


@asynccontextmanager
async def segment(name: str) -> AsyncIterator[None]:
    """Trace what runs inside as an X-Ray subsegment; outside a traced invocation nothing happens."""
    if _TRACE_VARIABLE not in os.environ:
        yield
        return
    async with _tracer().provider.in_subsegment_async(name=f"## {name}"):
        yield


def turn_ended(context: RequestContext, thread_id: str, turn_id: str, outcome: str, story: Mapping[str, Any]) -> None:
    """Write one turn's line, and its metrics."""
    line = {name: value for name, value in story.items() if name != "items" and value is not None}
    logger().info(
        "turn",
        extra={
            "tenant_id": context.caller.tenant_id,
            "user_hash": user_hash(context.caller.user_id),
            "thread_id": thread_id,
            "turn_id": turn_id,
            "outcome": outcome,
            **line,
        },
    )
    # Metrics in the log's own format are read by CloudWatch; anywhere else they would only be noise.
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        _count(outcome, story)


def feedback_given(kind: str, items: int) -> None:
    """Count users' opinions."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        metrics = _metrics()
        metrics.add_dimension(name="kind", value=kind)
        metrics.add_metric(name="Feedback", unit="Count", value=items)
        metrics.flush_metrics()


def _metrics() -> EphemeralMetrics:
    from aws_lambda_powertools.metrics import EphemeralMetrics

    return EphemeralMetrics(namespace=NAMESPACE, service=SERVICE)


def _count(outcome: str, story: Mapping[str, Any]) -> None:
    """Write a turn's metrics twice: for the whole service, which alarms watch, and by outcome and provider."""
    for dimensions in ({}, {"outcome": outcome, "provider": story.get("provider") or "none"}):
        metrics = _metrics()
        for name, value in dimensions.items():
            metrics.add_dimension(name=name, value=value)
        metrics.add_metric(name="Turns", unit="Count", value=1)
        metrics.add_metric(name="TurnSeconds", unit="Seconds", value=story["seconds"])
        if story.get("first_delta_seconds") is not None:
            metrics.add_metric(name="FirstDeltaSeconds", unit="Seconds", value=story["first_delta_seconds"])
        metrics.add_metric(name="InputTokens", unit="Count", value=story["input_tokens"])
        metrics.add_metric(name="OutputTokens", unit="Count", value=story["output_tokens"])
        metrics.flush_metrics()
