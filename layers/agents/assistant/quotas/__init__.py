"""Limits on turns and tokens, and the counters of usage.

A user has two rows: the day's usage, and the state of now (`keys.LIVE_SK`), which holds the times of the last turns and
the turns that run. The claim of a turn writes both, and the table checks the limits in that transaction. A tenant's
rows are written only if a limit needs them.
"""

from assistant.quotas.message import check_input, check_message, message_characters
from assistant.quotas.rows import seconds
from assistant.quotas.turn import TurnClaim, TurnShare, released
from assistant.quotas.usage import usage

__all__ = [
    "TurnClaim",
    "TurnShare",
    "check_input",
    "check_message",
    "message_characters",
    "released",
    "seconds",
    "usage",
]
