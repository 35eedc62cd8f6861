"""The set of a user's running turns, and the turns in it whose process has died."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from assistant.aws import Row, Write
from assistant.context import RequestContext
from assistant.quotas import window
from assistant.quotas.live import live_key
from assistant.quotas.records import limits_of
from assistant.quotas.rows import Counting
from assistant.threads import TurnRecord, load_record

# Ends a turn of a thread whose process has died. Returns whether this request has ended it.
EndDead = Callable[[str, TurnRecord], Awaitable[bool]]


def member(turn_id: str, thread_id: str) -> str:
    """Return a running turn as the user's row names it. No id of ours contains a space."""
    return f"{turn_id} {thread_id}"


def thread_of(name: str) -> str:
    """Return the thread of a running turn."""
    return name.partition(" ")[2]


def running(row: Row | None) -> frozenset[str]:
    """Return the running turns in a user's row."""
    members: frozenset[str] = (row or {}).get("running", frozenset())
    return members


def released(context: RequestContext, turn_id: str, thread_id: str) -> Write:
    """Return the write after which a turn no longer counts as running."""
    return _released(context, member(turn_id, thread_id))


def _released(context: RequestContext, name: str) -> Write:
    row = Counting(live_key(context), lifetime=None)
    row.remove_members("running", frozenset({name}))
    window.shorten(row, "recent", limits_of(context).user.turns_per_minute)
    return row.write()


async def release_dead(row: Row | None, context: RequestContext, end: EndDead) -> bool:
    """End the user's running turns that no process runs. They leave the set, and what they have reserved is settled.

    Args:
        row: The user's row.
        context: The request's context.
        end: Ends such a turn.

    Returns:
        Whether there were any.
    """
    places = {name: context.caller.thread(thread_of(name)).turn_key for name in running(row)}
    found = await context.resources.table.get_many(list(places.values()))
    dead = False
    for name, place in places.items():
        turn = load_record(found.get(place))
        if turn is None or not turn.running or not name.startswith(f"{turn.turn_id} "):
            # The turn has ended, and its process could not remove it.
            await context.resources.table.transact([_released(context, name)])
            dead = True
        elif not turn.alive:
            dead = await end(thread_of(name), turn) or dead
    return dead
