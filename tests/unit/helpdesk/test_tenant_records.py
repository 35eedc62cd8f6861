"""A tenant's records and the demo data it starts with."""

from __future__ import annotations

import pytest

from assistant.context import Resources
from helpdesk.records import keys
from helpdesk.records.employees import Employees
from helpdesk.records.orders import Orders

pytestmark = pytest.mark.anyio


async def test_employee_7_is_zeeshan_and_active(resources: Resources) -> None:
    employee = await Employees(resources.table, "acme").get(7)
    assert employee is not None
    assert (employee.name, employee.status) == ("Zeeshan", "active")


async def test_a_missing_record_is_none(resources: Resources) -> None:
    assert await Employees(resources.table, "acme").get(99) is None
    assert await Employees(resources.table, "acme").get(-7) is None
    assert await Orders(resources.table, "acme").get(99) is None


async def test_a_record_that_a_tenant_deletes_does_not_come_back(resources: Resources) -> None:
    employees = Employees(resources.table, "acme")
    assert await employees.get(7) is not None
    await resources.table.delete(keys.tenant_record("acme", "employee", 7))
    assert await employees.get(7) is None


async def test_a_tenant_changes_its_own_records_alone(resources: Resources) -> None:
    assert await Orders(resources.table, "acme").get(1001) is not None
    await resources.table.update(
        keys.tenant_record("acme", "order", 1001),
        "SET #status = :lost",
        names={"#status": "status"},
        values={":lost": "lost"},
    )
    theirs = await Orders(resources.table, "globex").get(1001)
    mine = await Orders(resources.table, "acme").get(1001)
    assert theirs is not None
    assert mine is not None
    assert (mine.status, theirs.status) == ("lost", "delivered")
