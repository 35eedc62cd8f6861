"""A tenant's orders."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.aws import Table
from helpdesk.records.tenant import TenantRecords


@dataclass(frozen=True)
class Order:
    """An order.

    Attributes:
        status: `processing`, `shipped` or `delivered`.
        items: The names of the products.
        total_cents: The price in cents.
    """

    number: int
    status: str
    items: tuple[str, ...]
    total_cents: int


class Orders:
    """The orders of one tenant."""

    def __init__(self, table: Table, tenant_id: str) -> None:
        self._records = TenantRecords(table, tenant_id)

    async def get(self, number: int) -> Order | None:
        """Return the order with that number, or None."""
        row = await self._records.find("order", number)
        if row is None:
            return None
        return Order(number, row["status"], tuple(row["items"]), row["total_cents"])
