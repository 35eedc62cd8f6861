"""Turns: one process claims a turn, runs it as a separate task, and stores the answer while the answer streams."""

from assistant.turns.after import ended
from assistant.turns.lease import take_over
from assistant.turns.loading import load_server, preload
from assistant.turns.outcome import error_event
from assistant.turns.service import TurnHandle, close, start
from assistant.turns.stop import cancel, end_turn
from assistant.turns.waiting import when_stored

__all__ = [
    "TurnHandle",
    "cancel",
    "close",
    "end_turn",
    "ended",
    "error_event",
    "load_server",
    "preload",
    "start",
    "take_over",
    "when_stored",
]
