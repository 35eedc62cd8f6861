"""What is not there for a caller, in one error for both worlds."""

from __future__ import annotations

from typing import ClassVar

from chatkit.store import NotFoundError as ChatKitNotFoundError

from assistant.errors import NotFoundError


class ThreadNotFoundError(NotFoundError, ChatKitNotFoundError):
    """The thread, or what is looked for in it, is not there for this caller."""

    what: ClassVar[str] = "Thread"

    def __init__(self, missing: str) -> None:
        """Say it in the words of the SDK's own store, by the id that was asked for."""
        super().__init__(f"{self.what} {missing} not found.")


class ItemNotFoundError(ThreadNotFoundError):
    """The thread has no such item, or none yet: what a running turn shows is stored a moment later."""

    what = "Item"
