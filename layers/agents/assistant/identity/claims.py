"""Find values in a token's claims, by a name or by a path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from assistant.errors import ConfigurationError

# A claim of any length may arrive. A log line shows the beginning.
MAX_SHOWN_CHARS = 120
_CONDITION = re.compile(r"(?P<path>[^!=]+)(?P<operator>!?=)(?P<values>.+)")


def find_claim(claims: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path, or None.

    Args:
        claims: The token's claims.
        path: A claim's full name, also with dots, such as `https://acme.example/tenant`. Else names that dots
            separate, such as `app_metadata.tenant_id`. Or a JSON pointer (RFC 6901), which starts with a slash.
    """
    if path in claims:
        return claims[path]
    if path.startswith("/"):
        names = [name.replace("~1", "/").replace("~0", "~") for name in path[1:].split("/")]
    else:
        names = path.split(".")
    value: Any = claims
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def first_claim(claims: Mapping[str, Any], paths: Iterable[str]) -> tuple[str, Any]:
    """Return the first path that has a value, and its value. Without one: an empty path and None."""
    for path in paths:
        value = find_claim(claims, path)
        if value is not None:
            return path, value
    return "", None


def strings(value: Any) -> list[str]:
    """Return a claim's texts: of a string or of a list. A boolean is `true` or `false`."""
    values = value if isinstance(value, list) else [value]
    texts = [str(each).lower() if isinstance(each, bool) else each for each in values]
    return [each for each in texts if isinstance(each, str)]


def shown(value: Any) -> str:
    """Return a claim for a log line, on one line and not too long."""
    text = repr(value)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"


@dataclass(frozen=True)
class Condition:
    """A condition on a claim: it must, or must not, have one of the values."""

    path: str
    values: tuple[str, ...]
    wanted: bool

    def holds(self, claims: Mapping[str, Any]) -> bool:
        """Tell whether the claims meet the condition. A missing claim has no value."""
        return any(text in self.values for text in strings(find_claim(claims, self.path))) == self.wanted


def parse_condition(text: str) -> Condition:
    """Return the condition in `token_use=access|id` or `sts!=pending`.

    Raises:
        ConfigurationError: The text is no condition.
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"AUTH_REQUIRED_CLAIMS must be like 'token_use=access|id,sts!=pending', not {text!r}.")
    return Condition(match["path"], tuple(match["values"].split("|")), match["operator"] == "=")
