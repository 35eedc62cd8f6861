"""Turns that survive: each is claimed once, runs as a task of its own, and is stored as it was streamed."""

from assistant.turns.service import (
    TurnHandle,
    cancel,
    close,
    start,
)

__all__ = ["TurnHandle", "cancel", "close", "start"]
