"""A call that its user has approved, while it is made: a turn that is asked to end leaves it a moment."""

from __future__ import annotations

import asyncio

from chatkit.types import ThreadItem

from assistant.approvals.cards import shown_answer

# How long such a call may still go on. Of one that is cancelled in the middle nobody knows whether it was carried out;
# most have come to their end by then, and a stop can wait for it.
BEGUN_CALL_SECONDS = 0.5


class BegunCall:
    """The approved call of one turn, if it makes one, as the card tells of it."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._over.set()

    def take(self, item: ThreadItem) -> None:
        """Note what a card says: that its call is made from now on, or that its result is known."""
        match shown_answer(item):
            case "begun":
                self._over.clear()
            case "approved":
                self._over.set()
            case _:
                pass

    async def let_end(self, agent: asyncio.Task[None]) -> None:
        """Return when no call is made, or the agent has come to its end, or the call has had its time."""
        if self._over.is_set():
            return
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([agent, over], timeout=BEGUN_CALL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
