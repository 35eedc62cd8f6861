"""Limits on what users and tenants may use and spend, and the counters of usage.

A user has two rows: the day's usage, and the state of now (`keys.LIVE_SK`), which holds the times of the last turns and
the turns that run. The claim of a turn writes both, and the table checks the limits in that transaction. A tenant's
rows are written only if a limit needs them. Every paid or expensive action is claimed here before it runs:
`assistant.quotas.paid` lists the kinds.
"""

from assistant.quotas.estimates import OVERHEAD_TOKENS, Amount, estimate, spent
from assistant.quotas.message import check_input, check_message, message_characters
from assistant.quotas.paid import claim, has_picture_limit, settle
from assistant.quotas.rows import seconds
from assistant.quotas.turn import TurnClaim, TurnShare, released
from assistant.quotas.usage import usage

__all__ = [
    "OVERHEAD_TOKENS",
    "Amount",
    "TurnClaim",
    "TurnShare",
    "check_input",
    "check_message",
    "claim",
    "estimate",
    "has_picture_limit",
    "message_characters",
    "released",
    "seconds",
    "settle",
    "spent",
    "usage",
]
