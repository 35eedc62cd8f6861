"""The row of a user's state of now: the running turns, the times of the last actions, and the user's own limits."""

from __future__ import annotations

from assistant.aws import keys
from assistant.aws.keys import Key
from assistant.context import RequestContext


def live_key(context: RequestContext) -> Key:
    """Return the key of the caller's row."""
    return Key(context.caller.partition, keys.LIVE_SK)
