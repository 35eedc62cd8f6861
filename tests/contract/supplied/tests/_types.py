"""The request context of the SDK's tests, as ours."""

from __future__ import annotations

import weakref
from typing import ClassVar

from assistant import context
from assistant.context import Resources
from assistant.identity import Caller
from assistant.settings import load_settings

_SETTINGS = load_settings(
    {"LLM_PROVIDER": "demo", "AUTH_MODE": "guest", "TABLE_NAME": "unused", "BUCKET_NAME": "unused"}
)


class RequestContext(context.RequestContext):
    """A context of a user of the one tenant that these tests know."""

    _all: ClassVar[weakref.WeakSet[RequestContext]] = weakref.WeakSet()

    def __init__(self, user_id: str) -> None:
        super().__init__(Caller("sdk", user_id), Resources(_SETTINGS))
        self._all.add(self)

    __hash__ = object.__hash__

    @classmethod
    def forget_all(cls) -> None:
        """Begin a new request in every context."""
        for each in cls._all:
            each.loaded.clear()
