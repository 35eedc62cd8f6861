"""The state of one run of the checks, and the exceptions of checks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from scripts.deployment import Deployment, Turn

# The demo model writes ten words per second. Another model is asked for a text that takes some seconds.
SLOW_WORDS = 40
LONG_TEXT = "Write the numbers from one to eighty in words, separated by spaces. Use no tools."
FILE = b"Buy a heron.\n"


class CheckError(Exception):
    """The check has failed."""


class Skipped(Exception):
    """The check does not apply to this deployment."""


@dataclass
class Run:
    """The state of one run.

    Attributes:
        stack: The deployment.
        origin: A page's origin that the deployment lets in; None if unknown.
        stack_name: The stack, whose logs the environment's credentials may read; None if unknown.
        closed: The function URLs that a front door stands before; none without one.
        has_web_acl: Whether a web ACL stands before the functions.
        provider: What /health says.
        streams: Whether there is an address that streams.
        thread_id: The thread that the checks talk in.
        threads: All threads of this run, to be deleted.
    """

    stack: Deployment
    origin: str | None = None
    stack_name: str | None = None
    closed: tuple[str, ...] = ()
    has_web_acl: bool = False
    provider: str = ""
    streams: bool = True
    thread_id: str = ""
    threads: set[str] = field(default_factory=set)

    def long_answer(self) -> str:
        """Return a message whose answer takes some seconds."""
        return f"!slow {SLOW_WORDS}" if self.provider == "demo" else LONG_TEXT

    def thread(self) -> str:
        """Return the run's thread."""
        if not self.thread_id:
            raise Skipped("there is no thread: no turn has worked")
        return self.thread_id

    def keep(self, turn: Turn) -> Turn:
        """Remember a turn's thread for the deletion at the end, and return the turn."""
        if turn.thread_id:
            self.threads.add(turn.thread_id)
        return turn


Check = Callable[[Run], Awaitable[str]]


def expect(holds: object, otherwise: str) -> None:
    """Raise if a condition is false."""
    if not holds:
        raise CheckError(otherwise)
