"""Log one structured line and write metrics for each turn.

No line contains a user's text, and a user appears as a hash. Powertools is imported when the first turn ends, so reads
start faster.
"""

from __future__ import annotations

import hmac
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger
    from aws_lambda_powertools.metrics import EphemeralMetrics

    from assistant.identity import Caller

# Used if POWERTOOLS_SERVICE_NAME is not set. The template sets it to the stack's name.
DEFAULT_SERVICE = "chatkit"
# The template's dashboard and alarms use the same namespace.
NAMESPACE = "ChatKit"
# These libraries log whole requests and answers at DEBUG, and each call at INFO.
_TALKATIVE = ("boto3", "botocore", "httpcore2", "httpx2", "mcp", "openai", "s3transfer", "urllib3")

_texts_allowed = False


def keep_texts_out(log_content: bool) -> None:
    """Keep texts out of the log unless `LOG_CONTENT` allows them, also the libraries' log lines below WARNING.

    Args:
        log_content: The setting `LOG_CONTENT`.
    """
    global _texts_allowed
    _texts_allowed = log_content
    for name in () if log_content else _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def texts_allowed() -> bool:
    """Tell whether `LOG_CONTENT` allows texts in the log."""
    return _texts_allowed


@cache
def logger() -> Logger:
    """Return the logger that writes JSON lines to standard output."""
    from aws_lambda_powertools import Logger

    return Logger(service=_service(), name="assistant.turns.line")


def _service() -> str:
    return os.environ.get("POWERTOOLS_SERVICE_NAME", DEFAULT_SERVICE)


def user_hash(tenant_id: str, user_id: str, salt: str) -> str:
    """Return a stable hash of a user. It joins a user's log lines without naming the user.

    The same id has another hash in another tenant and in another deployment. So logs of two of them cannot be joined,
    and nobody finds the id of a hash with a table that was computed once for all.

    Args:
        tenant_id: The user's tenant.
        user_id: The user's id.
        salt: The setting `USER_HASH_SALT`.
    """
    return hmac.new(salt.encode(), f"{tenant_id}\0{user_id}".encode(), sha256).hexdigest()[:16]


@dataclass(frozen=True)
class TurnIdentity:
    """The ids of a turn as logs and traces have them. The user is a hash.

    Attributes:
        thread_id: The thread.
        turn_id: The turn.
        tenant_id: The tenant.
        user_hash: See `user_hash`.
    """

    thread_id: str
    turn_id: str
    tenant_id: str
    user_hash: str

    @property
    def metadata(self) -> dict[str, str]:
        """The ids by name, without the thread's, which is the group of the SDK's traces."""
        return {"turn_id": self.turn_id, "tenant_id": self.tenant_id, "user_hash": self.user_hash}


_turn: ContextVar[TurnIdentity | None] = ContextVar("assistant_turn_identity", default=None)


@contextmanager
def in_turn(turn: TurnIdentity) -> Iterator[None]:
    """Let the runs of this block and its tasks know their turn."""
    token = _turn.set(turn)
    try:
        yield
    finally:
        _turn.reset(token)


def current_turn() -> TurnIdentity | None:
    """Return the turn that runs here; None outside a turn."""
    return _turn.get()


def turn_ended(
    caller: Caller, thread_id: str, turn_id: str, outcome: str, story: Mapping[str, Any], *, salt: str
) -> None:
    """Write the log line and the metrics of a turn."""
    line = {name: value for name, value in story.items() if name != "items" and value is not None}
    logger().info(
        "turn",
        extra={
            "tenant_id": caller.tenant_id,
            "user_hash": user_hash(caller.tenant_id, caller.user_id, salt),
            "thread_id": thread_id,
            "turn_id": turn_id,
            "outcome": outcome,
            **line,
        },
    )
    # Only CloudWatch reads metrics from log lines.
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        _count(outcome, story)


def audited(line: Mapping[str, Any]) -> None:
    """Write the log line of an entry of the audit trail."""
    logger().info("audit", extra=dict(line))


def feedback_given(kind: str, items: int) -> None:
    """Count feedback on items."""
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        metrics = _metrics()
        metrics.add_dimension(name="kind", value=kind)
        metrics.add_metric(name="Feedback", unit="Count", value=items)
        metrics.flush_metrics()


def work_failed() -> None:
    """Count a piece of the sweep's work that has failed."""
    _count_work("FailedWork", "Count", 1)


def sweep_ended(oldest_seconds: int, parked: int) -> None:
    """Count parked work, and measure the oldest work that was due. Alarms watch both."""
    _count_work("OldestWorkSeconds", "Seconds", oldest_seconds)
    if parked:
        _count_work("ParkedWork", "Count", parked)


def _count_work(name: str, unit: str, value: int) -> None:
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        metrics = _metrics()
        metrics.add_metric(name=name, unit=unit, value=value)
        metrics.flush_metrics()


def _metrics() -> EphemeralMetrics:
    from aws_lambda_powertools.metrics import EphemeralMetrics

    return EphemeralMetrics(namespace=NAMESPACE, service=_service())


def _count(outcome: str, story: Mapping[str, Any]) -> None:
    """Write a turn's metrics twice: for the whole service, for the alarms, and by outcome and provider."""
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
        # The alarm on cost watches the sum of all tokens.
        metrics.add_metric(name="Tokens", unit="Count", value=story["input_tokens"] + story["output_tokens"])
        metrics.flush_metrics()
