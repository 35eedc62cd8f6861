"""Let an approved call finish: a turn that is asked to end waits a moment for the call's result."""

from __future__ import annotations

import asyncio

from chatkit.types import ThreadItem

from assistant.approvals.cards import shown_answer

# How long to wait for a running call. If a call is cancelled in the middle, its outcome is unknown. Most calls end
# within this time, and a user who stops a turn does not notice the delay.
RESULT_WAIT_SECONDS = 0.5


class ApprovedCall:
    """The state of one turn's approved call, taken from the events about its card."""

    def __init__(self) -> None:
        self._over = asyncio.Event()
        self._over.set()

    def take(self, item: ThreadItem) -> None:
        """Note the state on a card: the call has started, or its result is known."""
        match shown_answer(item):
            case "begun":
                self._over.clear()
            case "approved":
                self._over.set()
            case _:
                pass

    async def wait_for_result(self, agent: asyncio.Task[None]) -> None:
        """Wait until no call runs, the agent has ended, or `RESULT_WAIT_SECONDS` are over."""
        if self._over.is_set():
            return
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([agent, over], timeout=RESULT_WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            over.cancel()
