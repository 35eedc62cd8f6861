"""Renew a process's leases from an operating-system thread while the event loop of the process is blocked.

A tool that computes or sleeps without `await` blocks the event loop, and with it the checkpoint loops of all turns.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from weakref import WeakSet

from assistant.budgets import RENEWAL_SECONDS
from assistant.context import Resources, RunningTurn
from assistant.errors import AssistantError

logger = logging.getLogger(__name__)

# A loop that has not answered for this long counts as blocked.
BLOCKED_SECONDS = 1.0
# How often the thread asks the loop for an answer.
CHECK_SECONDS = 0.5

_watched: WeakSet[Resources] = WeakSet()
_lock = threading.Lock()


def watch_loop(resources: Resources) -> None:
    """Watch the running event loop until this process runs no more turns."""
    with _lock:
        if resources in _watched:
            return
        _watched.add(resources)
    loop = asyncio.get_running_loop()
    threading.Thread(target=_watch, args=(resources, loop), name="loop watchdog", daemon=True).start()


def _watch(resources: Resources, loop: asyncio.AbstractEventLoop) -> None:
    while True:
        turns = list(resources.running.values())
        with _lock:
            if not resources.running:
                _watched.discard(resources)
                return
        answered = threading.Event()
        try:
            loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # The loop is closed.
            with _lock:
                _watched.discard(resources)
            return
        if answered.wait(BLOCKED_SECONDS):
            time.sleep(CHECK_SECONDS)
            continue
        tools = ", ".join(sorted({turn.tool for turn in turns if turn.tool is not None})) or "none"
        logger.warning("the event loop is blocked for more than %s s; latest tools: %s", BLOCKED_SECONDS, tools)
        renewed = 0.0
        while not answered.is_set() and not loop.is_closed():
            if time.monotonic() - renewed >= RENEWAL_SECONDS:
                renewed = time.monotonic()
                asyncio.run(_renew(turns))
            answered.wait(CHECK_SECONDS)


async def _renew(turns: list[RunningTurn]) -> None:
    results = await asyncio.gather(*(turn.renew_lease() for turn in turns), return_exceptions=True)
    for error in results:
        if isinstance(error, AssistantError):
            logger.warning("a lease could not be renewed: %s", error.code)
        elif isinstance(error, BaseException):
            raise error
