"""What is not there for a caller, in one error for both worlds."""

from __future__ import annotations

from chatkit.store import NotFoundError as ChatKitNotFoundError

from assistant.errors import NotFoundError


class ThreadNotFoundError(NotFoundError, ChatKitNotFoundError):
    """The thread, item or attachment is not there for this caller."""


class ItemNotFoundError(ThreadNotFoundError):
    """The thread has no such item, or none yet: what a running turn shows is stored a moment later."""
