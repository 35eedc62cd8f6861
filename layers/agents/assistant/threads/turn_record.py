"""A turn's rows: the newest turn of a thread, and the turn's idempotency key.

The row of the newest turn (`~turn`) locks its thread: every write of a turn has a condition on this row. Until the
lease in the row is over, other processes treat the turn's process as alive. Each checkpoint renews the lease.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, get_args

from assistant import clock
from assistant.aws import Row, Write, keys
from assistant.aws.keys import ThreadRef
from assistant.budgets import LEASE_SECONDS
from assistant.errors import InvalidRequestError
from assistant.threads.rows import SCHEMA_VERSION, item_adapter

if TYPE_CHECKING:
    from chatkit.types import ThreadItem

Outcome = Literal["done", "stopped", "interrupted", "deadline", "failed", "lost"]
CancelReason = Literal["stopped", "interrupted"]

RUNNING = "running"
# The condition of every write of a turn: the row still names this turn, and the turn runs.
OURS = "turn_id = :turn_id AND #state = :running"
# A checkpoint stores each change within this time.
CHECKPOINT_SECONDS = 2.0
# The same while another process follows the turn. With its polling, the follower stays under two seconds behind.
FOLLOWED_CHECKPOINT_SECONDS = 1.0
# How long a follower's mark on the turn is valid.
FOLLOW_MARK_SECONDS = 15.0
# How often the turn's process reads the cancel flag and the followers' mark.
FLAG_POLL_SECONDS = 1.0
# A client sends a request again within seconds; a caller with a queue may do so for a day.
IDEMPOTENCY_LIFETIME = timedelta(days=1)
# A UUID has 36 characters, and keys of other systems rarely more than 100.
MAX_KEY_CHARACTERS = 255
# The partial answer is part of the turn's row, which DynamoDB limits to 400 KB.
MAX_PARTIAL_BYTES = 350_000


@dataclass(frozen=True)
class IdempotencyKey:
    """The key by which two requests are the same request.

    Attributes:
        sk: The key's sort key in the caller's partition.
        explicit: Whether the client sent the key. A derived key is valid only while its turn runs.
        body: A digest of the request, to refuse a key that the client reuses for another request.
        frame_sk: The sort key under which a frame finds its newest thread; None if the client sent no frame id.
    """

    sk: str
    explicit: bool
    body: str
    frame_sk: str | None = None


def idempotency_key(explicit: str | None, frame_id: str | None, body: str) -> IdempotencyKey:
    """Return the key of a request: the client's own, or a key derived from frame, thread and body.

    Args:
        explicit: The `Idempotency-Key` header.
        frame_id: ChatKit's `chatkit-frame-instance-id` header.
        body: The request in a canonical form, which includes the thread.
    """
    sk = _hashed_sk("same", frame_id or "", body) if explicit is None else explicit_key_sk(explicit)
    frame_sk = None if frame_id is None else frame_key_sk(frame_id)
    return IdempotencyKey(sk, explicit is not None, sha256(body.encode()).hexdigest(), frame_sk)


def explicit_key_sk(key: str) -> str:
    """Return the sort key of a client's `Idempotency-Key`.

    Raises:
        InvalidRequestError: the key is too long.
    """
    _check_length("Idempotency-Key", key)
    return _hashed_sk("explicit", key)


def act_key_sk(act: str, key: str) -> str:
    """Return the sort key of a client's `Idempotency-Key` for an act that is no turn.

    Raises:
        InvalidRequestError: the key is too long.
    """
    _check_length("Idempotency-Key", key)
    return _hashed_sk("act", act, key)


def frame_key_sk(frame_id: str) -> str:
    """Return the sort key of the newest thread that a frame has created.

    Raises:
        InvalidRequestError: the frame's id is too long.
    """
    _check_length("frame's id", frame_id)
    return _hashed_sk("frame", frame_id)


def _check_length(name: str, key: str) -> None:
    if len(key) > MAX_KEY_CHARACTERS:
        raise InvalidRequestError(f"The {name} may have at most {MAX_KEY_CHARACTERS} characters.")


def _hashed_sk(*parts: str) -> str:
    return keys.idempotency_sk(sha256("\x1f".join(parts).encode()).hexdigest())


@dataclass(frozen=True)
class TurnRecord:
    """A turn as the table stores it.

    Attributes:
        turn_id: The turn's id.
        state: `running`, or the outcome.
        lease: The time until which its process counts as alive, in seconds since 1970, UTC.
        cancel: The reason of a request to end the turn, if there is one.
        watched: The time until which another process follows the turn, in seconds since 1970, UTC.
        floor: The sort key of the turn's first item. All new items of the turn sort after it.
        operation: The kind of request that the turn answers.
        changed: The ids of the earlier items that the claim has changed.
        partial: The unfinished items at the last checkpoint.
        attempts: The sort key of the first item of the failed retries just before this retry; None if there are none.
        judged: Whether the guardrails had accepted the input at the last checkpoint.
        last: A sort key after all items of the turn at the last checkpoint. The next turn's items must sort after it.
        retried: The sort key of the user message that a retry answers again; None if the turn is no retry.
        followers: The ids of the requests that follow the turn.
        settlement: What the turn's end changes in the counters of usage, as of the last checkpoint.
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
    last: str | None = None
    retried: str | None = None
    followers: frozenset[str] = frozenset()
    settlement: Mapping[str, Any] | None = None

    def newest_followers(self, most: int) -> frozenset[str]:
        """Return the followers that began last. Their ids sort by time."""
        return frozenset(sorted(self.followers, reverse=True)[:most])

    @property
    def running(self) -> bool:
        """Whether the table says that the turn runs. Its process may have died."""
        return self.state == RUNNING

    @property
    def alive(self) -> bool:
        """Whether the turn runs and its lease is valid."""
        return self.running and self.lease > clock.now().timestamp()


def load_record(row: Row | None) -> TurnRecord | None:
    """Return the turn in a `~turn` row; None if the thread has had no turn."""
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
        last=row.get("last"),
        retried=row.get("retried"),
        followers=frozenset(row.get("followers", ())),
        settlement=row.get("settlement"),
    )


def lease_end() -> float:
    """Return the end of a lease that starts now, in seconds since 1970, UTC."""
    return clock.now().timestamp() + LEASE_SECONDS


def running_row(
    turn_id: str,
    floor: str,
    operation: str,
    changed: list[str],
    attempts: str | None = None,
    retried: str | None = None,
) -> dict[str, Any]:
    """Return the `~turn` row of a turn that starts now."""
    return {
        "schema_version": SCHEMA_VERSION,
        "turn_id": turn_id,
        "state": RUNNING,
        "lease": lease_end(),
        "floor": floor,
        "last": floor,
        "operation": operation,
        "changed": changed,
        "started_at": clock.now().isoformat(),
        **({} if attempts is None else {"attempts": attempts}),
        **({} if retried is None else {"retried": retried}),
    }


def key_row(turn_id: str, thread_id: str, key: IdempotencyKey) -> dict[str, Any]:
    """Return the row of an idempotency key whose turn starts now."""
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
    """Return the unfinished items, compressed. If they are too large, leave out the oldest."""
    texts = [item_adapter().dump_json(item) for item in items]
    while True:
        packed = zlib.compress(b"[" + b",".join(texts) + b"]", level=1)
        if len(packed) <= MAX_PARTIAL_BYTES or not texts:
            return packed
        texts = texts[1:]


def load_partial(blob: bytes | None) -> list[ThreadItem]:
    """Return the items that `dump_partial` has packed."""
    if not blob:
        return []
    from pydantic_core import from_json

    return [item_adapter().validate_python(value) for value in from_json(zlib.decompress(blob))]


def turn_fence(thread: ThreadRef, turn_id: str) -> Write:
    """Return the check that a turn still runs, for a transaction that only this turn may write."""
    return Write(
        thread.turn_key, condition=OURS, names={"#state": "state"}, values={":turn_id": turn_id, ":running": RUNNING}
    )
