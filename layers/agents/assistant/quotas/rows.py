"""Build the write of a counter's row: what it adds, and the limits that it checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from assistant import clock
from assistant.aws import Write
from assistant.aws.keys import Key
from assistant.threads import SCHEMA_VERSION

# An operator reads a month's usage.
DAY_LIFETIME = timedelta(days=40)


def seconds() -> int:
    """Return the time in whole seconds since 1970, UTC, as rows contain it."""
    return int(clock.now().timestamp())


def until_tomorrow() -> float:
    """Return the seconds until the next UTC day begins."""
    moment = clock.now()
    tomorrow = datetime(moment.year, moment.month, moment.day, tzinfo=UTC) + timedelta(days=1)
    return (tomorrow - moment).total_seconds()


def usage_expiry() -> dict[str, int]:
    """Return the expiry of a row that lives as long as the counters of now."""
    return {"ttl": int((clock.now() + DAY_LIFETIME).timestamp())}


@dataclass
class Counting:
    """One write of a row, put together from several parts. Names of attributes must be no reserved words.

    Attributes:
        key: The row.
        lifetime: After this time without a further write, the row expires. None leaves the expiry as it is.
    """

    key: Key
    lifetime: timedelta | None = DAY_LIFETIME
    _sets: list[str] = field(default_factory=list)
    _adds: list[str] = field(default_factory=list)
    _removes: list[str] = field(default_factory=list)
    _deletes: list[str] = field(default_factory=list)
    _conditions: list[str] = field(default_factory=list)
    _values: dict[str, Any] = field(default_factory=dict)

    def add(self, counter: str, amount: int | frozenset[str]) -> None:
        """Add to a counter, or to a set."""
        self._adds.append(f"{counter} {self._value(amount)}")

    def set(self, name: str, value: bool) -> None:
        """Set an attribute."""
        self._sets.append(f"{name} = {self._value(value)}")

    def equal(self, name: str, value: str | None) -> None:
        """Check that an attribute has a value; None for no such attribute."""
        missing = f"attribute_not_exists({name})"
        self._conditions.append(missing if value is None else f"{name} = {self._value(value)}")

    def below(self, counter: str, limit: int) -> None:
        """Check that a counter is below a limit."""
        self._conditions.append(f"(attribute_not_exists({counter}) OR {counter} < {self._value(limit)})")

    def fewer(self, counter: str, limit: int) -> None:
        """Check that a set has fewer members than a limit."""
        self._conditions.append(f"(attribute_not_exists({counter}) OR size({counter}) < {self._value(limit)})")

    def remove_members(self, counter: str, members: frozenset[str]) -> None:
        """Remove members of a set."""
        self._deletes.append(f"{counter} {self._value(members)}")

    def prepend(self, log: str, entry: int) -> None:
        """Put an entry before all others of a list."""
        self._sets.append(f"{log} = list_append({self._value([entry])}, if_not_exists({log}, {self._value([])}))")

    def older(self, log: str, index: int, moment: int) -> None:
        """Check that the entry at this index of a list does not exist, or is not newer than a moment."""
        entry = f"{log}[{index}]"
        self._conditions.append(f"(attribute_not_exists({entry}) OR {entry} <= {self._value(moment)})")

    def cut(self, log: str, length: int, most: int) -> None:
        """Remove up to `most` entries of a list after its first entries."""
        self._removes += [f"{log}[{length + offset}]" for offset in range(most)]

    def write(self) -> Write:
        """Return the write."""
        sets = [*self._sets, f"schema_version = {self._value(SCHEMA_VERSION)}"]
        if self.lifetime is not None:
            sets.append(f"#ttl = {self._value(int((clock.now() + self.lifetime).timestamp()))}")
        parts = {"SET": sets, "ADD": self._adds, "REMOVE": self._removes, "DELETE": self._deletes}
        return Write(
            self.key,
            update=" ".join(f"{verb} {', '.join(clauses)}" for verb, clauses in parts.items() if clauses),
            condition=" AND ".join(self._conditions) or None,
            names={} if self.lifetime is None else {"#ttl": "ttl"},
            values=self._values,
        )

    def _value(self, value: Any) -> str:
        name = f":v{len(self._values)}"
        self._values[name] = value
        return name
