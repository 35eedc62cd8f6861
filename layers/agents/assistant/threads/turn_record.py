"""A turn's records: the running or newest turn of a thread, its idempotency key, and the story of one that ended.

The newest turn's row (`~turn`) is the lock of its thread: whoever changes it in a condition owns the thread's next
step. A lease says until when the owner is believed to be alive; each checkpoint renews it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, get_args

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.aws.keys import ThreadRef
from assistant.threads.rows import SCHEMA_VERSION, item_adapter

if TYPE_CHECKING:
    from chatkit.types import ThreadItem

Outcome = Literal["done", "stopped", "interrupted", "deadline", "failed", "lost"]
CancelReason = Literal["stopped", "interrupted"]

RUNNING = "running"
# The condition of every write of a turn: the turn is still this one, and it runs.
OURS = "turn_id = :turn_id AND #state = :running"
# What was said is stored this soon after it was said.
CHECKPOINT_SECONDS = 2.0
# The same while somebody follows the turn from another process, who looks and reads on top of it and is to be at
# most two seconds behind.
WATCHED_CHECKPOINT_SECONDS = 1.0
# How long such a follower counts after it has last said that it follows.
WATCH_SECONDS = 15.0
# A cancel flag set by another process, or a follower there, is looked for this often.
TOUCH_SECONDS = 1.0
# While nothing is said the lease is renewed this often.
RENEWAL_SECONDS = 3.0
# Two renewals may fail before a turn counts as dead.
LEASE_SECONDS = 7.0
# A client re-sends within seconds; a caller's own key is kept for a day, as long as its queue may retry.
IDEMPOTENCY_LIFETIME = timedelta(days=1)
# The partial answer shares the turn's row with its other attributes, under DynamoDB's 400 KB.
MAX_PARTIAL_BYTES = 350_000


@dataclass(frozen=True)
class IdempotencyKey:
    """What makes two requests the same.

    Attributes:
        sk: Its sort key in the caller's partition.
        explicit: Whether the client named it; if not, it only counts while its turn runs.
        body: A digest of the request, so that a client's key is not taken for another request.
    """

    sk: str
    explicit: bool
    body: str


def idempotency_key(explicit: str | None, frame_id: str | None, body: str) -> IdempotencyKey:
    """Return the key of a request: the client's own, or one made of its frame, thread and body.

    Args:
        explicit: The `Idempotency-Key` header.
        frame_id: ChatKit's `chatkit-frame-instance-id` header.
        body: The request in a canonical form; the thread is in it.
    """
    parts = ("explicit", explicit) if explicit is not None else ("same", frame_id or "", body)
    digest = sha256("\x1f".join(parts).encode()).hexdigest()
    return IdempotencyKey(keys.idempotency_sk(digest), explicit is not None, sha256(body.encode()).hexdigest())


@dataclass(frozen=True)
class TurnRecord:
    """A turn as the table knows it.

    Attributes:
        turn_id: Its id.
        state: `running`, or how it ended.
        lease: Until when its process counts as alive, in seconds since 1970, UTC.
        cancel: Why it is asked to end, if it is.
        watched: Until when another process follows it, in seconds since 1970, UTC.
        floor: The sort key behind which all new items of this turn stand.
        operation: The kind of request that it answers.
        changed: The ids of earlier items that its claim changed.
        partial: The items that were being written at the last checkpoint.
        attempts: The sort key behind which stand the items of the retries just before it that failed; None if it is no
            retry after a failed one.
        judged: Whether it was known at the last checkpoint that what came in is let in.
    """

    turn_id: str
    state: str
    lease: float
    cancel: CancelReason | None
    watched: float
    floor: str
    operation: str
    changed: list[str]
    partial: list[ThreadItem]
    attempts: str | None = None
    judged: bool = False

    @property
    def running(self) -> bool:
        """Whether it has not ended, by the table; its process may have died."""
        return self.state == RUNNING

    @property
    def alive(self) -> bool:
        """Whether it runs in a process that renews its lease."""
        return self.running and self.lease > clock.now().timestamp()


def load_record(row: Row | None) -> TurnRecord | None:
    """Return the turn in a `~turn` row; None where no turn was ever claimed."""
    if row is None or "turn_id" not in row:
        return None
    cancel = row.get("cancel")
    return TurnRecord(
        turn_id=row["turn_id"],
        state=row["state"],
        lease=row["lease"],
        cancel=cancel if cancel in get_args(CancelReason) else None,
        watched=row.get("watched", 0),
        floor=row["floor"],
        operation=row["operation"],
        changed=row.get("changed", []),
        partial=load_partial(row.get("partial")),
        attempts=row.get("attempts"),
        judged=row.get("judged", False),
    )


def lease_end() -> float:
    """Return until when a lease taken now is good, in seconds since 1970, UTC."""
    return clock.now().timestamp() + LEASE_SECONDS


def running_row(
    turn_id: str, floor: str, operation: str, changed: list[str], attempts: str | None = None
) -> dict[str, Any]:
    """Return the `~turn` row of a turn that begins now."""
    return {
        "schema_version": SCHEMA_VERSION,
        "turn_id": turn_id,
        "state": RUNNING,
        "lease": lease_end(),
        "floor": floor,
        "operation": operation,
        "changed": changed,
        "started_at": clock.now().isoformat(),
        **({} if attempts is None else {"attempts": attempts}),
    }


def key_row(turn_id: str, thread_id: str, key: IdempotencyKey) -> dict[str, Any]:
    """Return the row of an idempotency key whose turn begins now."""
    end = int((clock.now() + IDEMPOTENCY_LIFETIME).timestamp())
    return {
        "schema_version": SCHEMA_VERSION,
        "turn_id": turn_id,
        "thread_id": thread_id,
        "body": key.body,
        "expires_at": end,
        "ttl": end,
    }


def dump_partial(items: Iterable[ThreadItem]) -> bytes:
    """Return the items being written, compressed. The oldest go first where they would not fit."""
    texts = [item_adapter().dump_json(item) for item in items]
    while True:
        packed = zlib.compress(b"[" + b",".join(texts) + b"]", level=1)
        if len(packed) <= MAX_PARTIAL_BYTES or not texts:
            return packed
        texts = texts[1:]


def load_partial(blob: bytes | None) -> list[ThreadItem]:
    """Return the items that `dump_partial` put into a row."""
    if not blob:
        return []
    from pydantic_core import from_json

    return [item_adapter().validate_python(value) for value in from_json(zlib.decompress(blob))]


def turn_fence(thread: ThreadRef, turn_id: str) -> Write:
    """Return the check that goes along with what only a turn that still runs may write."""
    return Write(
        thread.turn_key, condition=OURS, names={"#state": "state"}, values={":turn_id": turn_id, ":running": RUNNING}
    )
