"""Limits on what users and tenants may use and spend, and the counters of usage.

A user has two rows: the day's usage, and the state of now (`keys.LIVE_SK`), which holds the times of the last turns and
the turns that run. The claim of a turn writes both, and the table checks the limits in that transaction. A tenant's
rows are written only if a limit needs them. Every paid or expensive action is claimed here before it runs:
`assistant.quotas.paid` lists the kinds. Records change the limits without a deployment (`assistant.quotas.records`).
"""

from assistant.quotas.calls import reserve_call
from assistant.quotas.erasing import count_removed, marked, tenant_mark, unmark_tenant, unmark_user, user_mark
from assistant.quotas.estimates import (
    OVERHEAD_TOKENS,
    USUAL_OUTPUT_TOKENS,
    Amount,
    estimate,
    estimate_call,
    spent,
    used_by_model,
    used_so_far,
)
from assistant.quotas.limits import Limits, checked, known_limits
from assistant.quotas.message import check_action, check_input, check_message
from assistant.quotas.models import usage_by_model
from assistant.quotas.paid import claim, has_picture_limit, settle
from assistant.quotas.records import (
    change_limits,
    check_running,
    is_stopped,
    limits_of,
    load_records,
    stop_models,
    stored_limits,
)
from assistant.quotas.rows import DAY_LIFETIME, seconds, usage_expiry
from assistant.quotas.running import released
from assistant.quotas.settlement import Settlement
from assistant.quotas.share import TurnShare, sharing
from assistant.quotas.turn import TurnClaim
from assistant.quotas.usage import notice, usage

__all__ = [
    "DAY_LIFETIME",
    "OVERHEAD_TOKENS",
    "USUAL_OUTPUT_TOKENS",
    "Amount",
    "Limits",
    "Settlement",
    "TurnClaim",
    "TurnShare",
    "change_limits",
    "check_action",
    "check_input",
    "check_message",
    "check_running",
    "checked",
    "claim",
    "count_removed",
    "estimate",
    "estimate_call",
    "has_picture_limit",
    "is_stopped",
    "known_limits",
    "limits_of",
    "load_records",
    "marked",
    "notice",
    "released",
    "reserve_call",
    "seconds",
    "settle",
    "sharing",
    "spent",
    "stop_models",
    "stored_limits",
    "tenant_mark",
    "unmark_tenant",
    "unmark_user",
    "usage",
    "usage_by_model",
    "usage_expiry",
    "used_by_model",
    "used_so_far",
    "user_mark",
]
