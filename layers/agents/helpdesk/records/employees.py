"""A tenant's employees."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.table import Table
from helpdesk.records.tenant import TenantRecords


@dataclass(frozen=True)
class Employee:
    """Someone who works for the tenant.

    Attributes:
        status: `active`, `on leave` or `left`.
    """

    number: int
    name: str
    status: str
    department: str
    email: str


class Employees:
    """The employees of one tenant."""

    def __init__(self, table: Table, tenant_id: str) -> None:
        self._records = TenantRecords(table, tenant_id)

    async def get(self, number: int) -> Employee | None:
        """Return the employee with that number, or None."""
        row = await self._records.find("employee", number)
        if row is None:
            return None
        return Employee(number, row["name"], row["status"], row["department"], row["email"])
