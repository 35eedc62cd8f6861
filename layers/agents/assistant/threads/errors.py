"""What is not there for a caller, in one error for both worlds."""

from __future__ import annotations

from chatkit.store import NotFoundError as ChatKitNotFoundError

from assistant.errors import NotFoundError


class ThreadNotFoundError(NotFoundError, ChatKitNotFoundError):
    """The thread, or what is looked for in it, is not there for this caller."""

    default_message = "The thread does not exist."


class ItemNotFoundError(ThreadNotFoundError):
    """The thread has no such item, or none yet: what a running turn shows is stored a moment later."""

    default_message = "The item does not exist."
