"""Not-found errors that are both this project's and ChatKit's."""

from __future__ import annotations

from typing import ClassVar

from chatkit.store import NotFoundError as ChatKitNotFoundError

from assistant.errors import NotFoundError


class ThreadNotFoundError(NotFoundError, ChatKitNotFoundError):
    """This caller has no such thread, or the thread has no such item."""

    what: ClassVar[str] = "Thread"

    def __init__(self, missing: str) -> None:
        """Name the missing id in the words of the SDK's own store."""
        super().__init__(f"{self.what} {missing} not found.")


class ItemNotFoundError(ThreadNotFoundError):
    """The thread has no such item yet: a running turn shows its items before it stores them."""

    what = "Item"
