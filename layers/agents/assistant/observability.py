"""What a deployment sees of itself: one structured line and metrics for each turn, and unforeseen failures.

No line holds a user's text, and a user appears as a hash. Powertools loads when the first turn ends, so a read does not
pay for it.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.metrics import EphemeralMetrics

    from assistant.identity import Caller

# Where the template names none. It names the stack, so that two in one account are told apart.
DEFAULT_SERVICE = "chatkit"
# The namespace of the metrics, which the template's dashboard and alarms name too.
NAMESPACE = "ChatKit"
# Libraries that log requests and answers whole at DEBUG, and each call at INFO.
_TALKATIVE = ("boto3", "botocore", "httpcore2", "httpx2", "mcp", "openai", "s3transfer", "urllib3")


def keep_texts_out(log_content: bool) -> None:
    """Hold back what libraries say below a warning, whatever level the function logs at, unless texts may be logged.

    Args:
        log_content: The setting `LOG_CONTENT`.
    """
    for name in () if log_content else _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


@cache
def logger() -> Logger:
    """Return the structured logger: JSON lines on standard output."""
    from aws_lambda_powertools import Logger

    return Logger(service=_service(), name="assistant.turns.line")


def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", DEFAULT_SERVICE)


def user_hash(user_id: str) -> str:
    """Return a stable stand-in for a user's id, so that lines can be joined and name nobody."""
    return sha256(user_id.encode()).hexdigest()[:16]


def turn_ended(caller: Caller, thread_id: str, turn_id: str, outcome: str, story: Mapping[str, Any]) -> None:
    """Write one turn's line, and its metrics."""
    line = {name: value for name, value in story.items() if name != "items" and value is not None}
    logger().info(
        "turn",
        extra={
            "tenant_id": caller.tenant_id,
            "user_hash": user_hash(caller.user_id),
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


def work_failed() -> None:
    """Count a piece of the sweep's work that failed, for the alarm on what fails again and again."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        metrics = _metrics()
        metrics.add_metric(name="FailedWork", unit="Count", value=1)
        metrics.flush_metrics()


def _metrics() -> EphemeralMetrics:
    from aws_lambda_powertools.metrics import EphemeralMetrics

    return EphemeralMetrics(namespace=NAMESPACE, service=_service())


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
        # What a model costs goes by tokens: the alarm on spend watches their sum.
        metrics.add_metric(name="Tokens", unit="Count", value=story["input_tokens"] + story["output_tokens"])
        metrics.flush_metrics()


def log_failure(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log that something failed and where the error came from.

    Its message is left out, and so are its causes': a validation error's, for one, quotes what a user wrote.
    """
    places = []
    link: BaseException | None = error
    while link is not None:
        frames = traceback.format_list(traceback.extract_tb(link.__traceback__))
        places.append(f"{type(link).__module__}.{type(link).__qualname__}\n{''.join(frames)}")
        link = link.__cause__ or link.__context__
    log.error("%s: %s", what, "caused by ".join(places))
