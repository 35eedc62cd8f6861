"""The limits that hold for a caller.

They are the settings, changed by the operator's record of the tenant and then of the user. The records of the tenant's
admins only tighten them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from assistant.errors import InvalidRequestError
from assistant.models import CHARACTERS_PER_TOKEN
from assistant.settings import (
    MAX_TENANT_TURNS_PER_MINUTE,
    MAX_TURNS_PER_MINUTE,
    MAX_WHOLE,
    Quota,
    Settings,
)

# The attributes of a record's two parts. Earlier releases stored both of them as `limits`.
OPERATORS, ADMINS = "limits", "admin_limits"
# The limits of a user that a record may change, and the largest value of each.
USER_LIMITS: dict[str, int] = {
    "turns_per_minute": MAX_TURNS_PER_MINUTE,
    "tokens_per_day": MAX_WHOLE,
    "spend_per_day": MAX_WHOLE,
    "transcriptions_per_minute": MAX_TURNS_PER_MINUTE,
    "pictures_per_day": MAX_WHOLE,
    "uploads_per_day": MAX_WHOLE,
    "concurrent_turns": 1_000,
    "followers": 100,
    "message_characters": MAX_WHOLE,
}
# The limits of the whole tenant, which only the tenant's record may change.
TENANT_LIMITS: dict[str, int] = {
    "tenant_turns_per_minute": MAX_TENANT_TURNS_PER_MINUTE,
    "tenant_tokens_per_day": MAX_WHOLE,
    "tenant_spend_per_day": MAX_WHOLE,
}
# Longer than any limit's name. A request may contain a name of any length.
MAX_SHOWN_CHARS = 60
# Money is counted in millionths of a dollar.
MONEY_DECIMALS = 6
# Amounts of money may have a fraction. These limits cannot be switched off.
_MONEY = {"spend_per_day", "tenant_spend_per_day"}
_ALWAYS = {"concurrent_turns", "followers", "message_characters"}
_QUOTA = frozenset(asdict(Quota()))


@dataclass(frozen=True)
class Limits:
    """All limits of a caller.

    Attributes:
        user: The user's quotas.
        tenant: The tenant's quotas.
        concurrent_turns: The user's turns that run at once.
        followers: The followers of a turn.
        message_characters: The longest message.
        history_characters: The history's budget. No record allows a longer message.
    """

    user: Quota
    tenant: Quota
    concurrent_turns: int
    followers: int
    message_characters: int
    history_characters: int

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits of the settings. A message longer than the history's budget would be the whole input."""
        budget = settings.history_max_tokens * CHARACTERS_PER_TOKEN
        return cls(
            settings.user_quota,
            settings.tenant_quota,
            settings.max_concurrent_turns,
            settings.max_followers,
            min(settings.max_message_chars, budget),
            budget,
        )

    def changed(self, record: Mapping[str, Any]) -> Limits:
        """Return the limits with those of a record of the operator in their place."""
        user = {name: value for name, value in record.items() if name in _QUOTA}
        tenant = {name.removeprefix("tenant_"): value for name, value in record.items() if name in TENANT_LIMITS}
        own = {name: value for name, value in record.items() if name in _ALWAYS}
        if "message_characters" in own:
            own["message_characters"] = min(own["message_characters"], self.history_characters)
        return replace(self, user=replace(self.user, **user), tenant=replace(self.tenant, **tenant), **own)

    def tightened(self, record: Mapping[str, Any]) -> Limits:
        """Return the limits with those of an admin's record where they are stricter."""
        now = self.by_name()
        return self.changed(
            {
                name: value
                for name, value in record.items()
                if value is not None and ((most := now.get(name)) is None or value < most)
            }
        )

    def by_name(self) -> dict[str, Any]:
        """Return the limits by the names that records have. None stands for no limit."""
        tenant = {f"tenant_{name}": value for name, value in asdict(self.tenant).items()}
        own = {name: getattr(self, name) for name in _ALWAYS}
        return asdict(self.user) | {name: tenant[name] for name in TENANT_LIMITS} | own


def known_limits(*, of_tenant: bool) -> dict[str, int]:
    """Return the limits that a record may have, with the largest value of each."""
    return USER_LIMITS | TENANT_LIMITS if of_tenant else USER_LIMITS


def checked(values: Mapping[str, Any], *, of_tenant: bool) -> dict[str, int | float | None]:
    """Return the limits of a record. None stands for no limit.

    Args:
        values: The limits by name.
        of_tenant: Whether the record is a tenant's.

    Raises:
        InvalidRequestError: a name is unknown, or a value is not possible.
    """
    known = known_limits(of_tenant=of_tenant)
    for name, value in values.items():
        if name not in known:
            shown = name[:MAX_SHOWN_CHARS]
            raise InvalidRequestError(f"There is no limit {shown}. The limits are: {', '.join(known)}.")
        if value is None and name not in _ALWAYS:
            continue
        least = 0 if name in _MONEY else 1
        kinds = (int, float) if name in _MONEY else (int,)
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= known[name]:
            what = "a number" if name in _MONEY else "a whole number"
            raise InvalidRequestError(f"The limit {name} must be {what} from {least} to {known[name]:,}.")
        # DynamoDB refuses numbers below 1e-130, so a limit has no more decimals than the counters.
        if name in _MONEY and round(value, MONEY_DECIMALS) != value:
            raise InvalidRequestError(f"The limit {name} may have at most {MONEY_DECIMALS} decimals.")
    return dict(values)
