"""What a deployment sees of itself: one structured line a turn, without anybody's text."""

from __future__ import annotations

import json
import logging
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from assistant.context import RequestContext

logger = logging.getLogger("assistant")


def user_hash(user_id: str) -> str:
    """Return a stable stand-in for a user's id, so that logs can be joined and name nobody."""
    return sha256(user_id.encode()).hexdigest()[:16]


def turn_ended(context: RequestContext, thread_id: str, turn_id: str, outcome: str, story: dict[str, Any]) -> None:
    """Write one turn's line."""
    line = {
        "tenant": context.caller.tenant_id,
        "user": user_hash(context.caller.user_id),
        "thread": thread_id,
        "turn": turn_id,
        "outcome": outcome,
        **{name: value for name, value in story.items() if name != "items"},
    }
    logger.info("turn %s", json.dumps(line))
