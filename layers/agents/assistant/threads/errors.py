"""Not-found errors that are both this project's and ChatKit's."""

from __future__ import annotations

from typing import ClassVar

from chatkit.store import NotFoundError as ChatKitNotFoundError

from assistant.errors import NotFoundError


class ThreadNotFoundError(NotFoundError, ChatKitNotFoundError):
    """This caller has no such thread, or the thread has no such item."""

    what: ClassVar[str] = "Thread"
    default_message = "This conversation does not exist. It may have been deleted."

    def __init__(self, missing: str) -> None:
        """Name the missing id to the operator, in the words of the SDK's own store."""
        super().__init__()
        self.args = (f"{self.what} {missing} not found.",)


class ItemNotFoundError(ThreadNotFoundError):
    """The thread has no such item yet: a running turn shows its items before it stores them."""

    what = "Item"
    default_message = "This part of the conversation does not exist. It may have been deleted."
