"""What the end of a turn changes in the counters. The turn's row holds it, so that any process can end the turn."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from assistant.aws import Write, keys
from assistant.aws.keys import Key
from assistant.context import RequestContext
from assistant.errors import StoreUnavailableError
from assistant.quotas.rows import Counting

logger = logging.getLogger(__name__)

# What to add to each counter, by the sort key of the counter's row.
Changes = dict[str, dict[str, int]]


@dataclass(frozen=True)
class Settlement:
    """The changes of a turn's end: they replace what the turn has reserved by what it has used.

    Attributes:
        user: The rows in the user's partition.
        tenant: The rows in the tenant's partition.
    """

    user: Changes = field(default_factory=dict)
    tenant: Changes = field(default_factory=dict)

    @classmethod
    def load(cls, stored: Mapping[str, Any] | None) -> Settlement:
        """Return the settlement in a turn's row. Rows of earlier releases have none."""
        return cls(**stored) if stored else cls()

    def dump(self) -> dict[str, Changes]:
        """Return the form that a turn's row holds."""
        return {"user": self.user, "tenant": self.tenant}

    def minus(self, other: Settlement) -> Settlement:
        """Return what remains to change after another process has settled the turn."""
        return Settlement(_difference(self.user, other.user), _difference(self.tenant, other.tenant))

    def user_writes(self, context: RequestContext) -> list[Write]:
        """Return the changes of the user's rows, for the transaction that ends the turn."""
        return _writes(context.caller.partition, self.user)

    async def count_for_tenant(self, context: RequestContext) -> None:
        """Change the tenant's rows.

        This is not part of the transaction that ends the turn, because all users of the tenant write these rows. If the
        process dies in between, or the table is unavailable, the reservation stays counted for the tenant.
        """
        for write in _writes(keys.tenant_partition(context.caller.tenant_id), self.tenant):
            try:
                await context.resources.table.update(
                    write.key, write.update or "", names=write.names, values=write.values
                )
            except StoreUnavailableError:
                logger.warning("what a turn has used could not be counted for its tenant")


def _difference(changes: Changes, done: Changes) -> Changes:
    return {
        sk: {
            counter: changes.get(sk, {}).get(counter, 0) - done.get(sk, {}).get(counter, 0)
            for counter in changes.get(sk, {}) | done.get(sk, {})
        }
        for sk in changes | done
    }


def _writes(partition: str, changes: Changes) -> list[Write]:
    writes = []
    for sk, counters in changes.items():
        row = Counting(Key(partition, sk))
        for counter, change in counters.items():
            if change:
                row.add(counter, change)
        if any(counters.values()):
            writes.append(row.write())
    return writes
