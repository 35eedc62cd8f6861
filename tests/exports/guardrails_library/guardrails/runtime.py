"""The functions that an export imports."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_MAIL = re.compile(r"\S+@\S+")


@dataclass(frozen=True, slots=True)
class GuardrailResult:
    """The result of one check."""

    tripwire_triggered: bool
    info: dict[str, Any] = field(default_factory=dict)


def load_config_bundle(source: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration."""
    return source


def instantiate_guardrails(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the guardrails of a configuration."""
    guardrails: list[dict[str, Any]] = bundle["guardrails"]
    return guardrails


async def run_guardrails(
    ctx: Any, data: str, media_type: str, guardrails: Sequence[dict[str, Any]], **_: Any
) -> list[GuardrailResult]:
    """Check a text."""
    return [_checked(each, data) for each in guardrails]


def _checked(guardrail: dict[str, Any], data: str) -> GuardrailResult:
    used = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    if guardrail["name"] == "Contains PII":
        return GuardrailResult(False, {"checked_text": _MAIL.sub("<EMAIL_ADDRESS>", str(data))})
    found = any(word in data for word in guardrail["config"]["keywords"])
    return GuardrailResult(found, {"checked_text": str(data), "token_usage": used})
