"""A tenant's employees."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.aws import Row, Table
from helpdesk.records.tenant import TenantRecords

# Enough for the menu of mentions. A larger directory needs an index for search.
MAX_EMPLOYEES = 500


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
        return None if row is None else _employee(row)

    async def all(self) -> list[Employee]:
        """Return the tenant's employees, highest number first, at most `MAX_EMPLOYEES`."""
        return [_employee(row) for row in await self._records.newest("employee", MAX_EMPLOYEES)]


def _employee(row: Row) -> Employee:
    return Employee(row["number"], row["name"], row["status"], row["department"], row["email"])
