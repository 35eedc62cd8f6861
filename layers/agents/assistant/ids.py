"""The ids of this project: a ChatKit prefix and a UUIDv7, so that they sort by time and are unique.

The UUIDv7 has 12 bits of sub-millisecond time (RFC 9562, section 6.2, method 3) and 62 random bits. Within a
process each id is later than the one before it. The random bits are drawn at each call, so two environments that
start from one SnapStart snapshot make different ids.
"""

from __future__ import annotations

import os
import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatkit.store import StoreItemType

# ChatKit's own prefixes (chatkit.store, 1.6.5), which readers of logs know.
ID_PREFIXES: dict[StoreItemType, str] = {
    "thread": "thr",
    "message": "msg",
    "tool_call": "tc",
    "workflow": "wf",
    "task": "tsk",
    "attachment": "atc",
    "sdk_hidden_context": "shcx",
}

_OWN_ID = re.compile(r"([a-z]+)_([0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15})")
_NANOSECONDS_PER_MILLISECOND = 1_000_000
_FRACTION_STEPS = 4096  # 12 bits
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_lock = threading.Lock()
_last_tick = 0


def _tick() -> int:
    """Return the time in steps of 1/4096 ms, always later than the last result."""
    global _last_tick
    milliseconds, rest = divmod(time.time_ns(), _NANOSECONDS_PER_MILLISECOND)
    now = milliseconds * _FRACTION_STEPS + rest * _FRACTION_STEPS // _NANOSECONDS_PER_MILLISECOND
    with _lock:
        _last_tick = max(now, _last_tick + 1)
        return _last_tick


def advance(uuid: str) -> None:
    """Make every later id of this process sort after this UUIDv7, whatever the clock of the process that made it."""
    global _last_tick
    with _lock:
        _last_tick = max(_last_tick, int(uuid[:12], 16) * _FRACTION_STEPS + int(uuid[13:16], 16))


def time_prefix(moment: datetime) -> str:
    """Return the first 16 hex digits of a UUIDv7 of that moment.

    A naive time counts as local time, because ChatKit's server stamps items with `datetime.now()`.
    """
    microseconds = max(0, (moment.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1))
    milliseconds, rest = divmod(microseconds, 1000)
    return f"{milliseconds:012x}7{rest * _FRACTION_STEPS // 1000:03x}"


def prefix_time(prefix: str) -> datetime:
    """Return the moment of a `time_prefix`, to the millisecond."""
    return _EPOCH + timedelta(milliseconds=int(prefix[:12], 16))


def uuid7() -> str:
    """Return a new UUIDv7 as 32 hex digits."""
    milliseconds, fraction = divmod(_tick(), _FRACTION_STEPS)
    tail = int.from_bytes(os.urandom(8)) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    return f"{milliseconds:012x}7{fraction:03x}{tail:016x}"


def new_id(prefix: str) -> str:
    """Return a new id, for example `msg_0193…` for the prefix `msg`."""
    return f"{prefix}_{uuid7()}"


def split_own_id(value: str) -> tuple[str, str] | None:
    """Return the prefix and the UUID of an id in this project's format, or None for a foreign id."""
    match = _OWN_ID.fullmatch(value)
    return (match[1], match[2]) if match else None
