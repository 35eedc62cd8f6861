"""The records: a user's tasks, a tenant's tickets and refunds in the table, and employees and invoices in the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from assistant.aws import ConditionFailedError, Row, Table
from assistant.aws.keys import Key, app_partition
from assistant.errors import ForbiddenError, InvalidRequestError, NotFoundError
from assistant.identity import Caller
from assistant.ids import uuid7
from assistant.text import one_line

Priority = Literal["low", "medium", "high"]
Filter = Literal["pending", "completed", "all"]

MAX_TITLE_CHARACTERS = 200
MAX_LISTED = 100
# Any other role may only read.
WRITERS = ("user", "support", "admin")
EMPLOYEES = {3: ("Amara Osei", "Finance"), 7: ("Zeeshan", "Engineering")}
INVOICES = {501: 429_00, 502: 89_50}


@dataclass(frozen=True)
class Task:
    """One task of a user."""

    number: int
    title: str
    priority: Priority
    done: bool


def check_may_write(caller: Caller) -> None:
    """Refuse a caller who may only read."""
    if caller.role not in WRITERS:
        raise ForbiddenError(f"Your role {caller.role!r} may only read.")


class Tasks:
    """The tasks of one user."""

    def __init__(self, table: Table, caller: Caller) -> None:
        self._table = table
        self._caller = caller
        self._partition = app_partition(caller.tenant_id, caller.user_id)

    def _key(self, number: int) -> Key:
        return Key(self._partition, f"TASK#{number:05d}")

    async def list(self, which: Filter = "all") -> list[Task]:
        """Return the tasks, sorted by number."""
        rows, _ = await self._table.query(self._partition, between=("TASK#", "TASK#~"), limit=MAX_LISTED)
        found = [_task(row) for row in rows]
        return [task for task in found if which == "all" or task.done == (which == "completed")]

    async def get(self, number: int) -> Task | None:
        """Return a task, or None."""
        row = await self._table.get(self._key(number))
        return None if row is None else _task(row)

    async def add(self, title: str, priority: Priority = "medium") -> Task:
        """Store a task under the next number."""
        check_may_write(self._caller)
        title = one_line(title, MAX_TITLE_CHARACTERS, "A task's title")
        counted = await self._table.update(Key(self._partition, "COUNTER"), "ADD counted :one", values={":one": 1})
        number = int(counted["counted"])
        row: Row = {"number": number, "title": title, "priority": priority, "done": False}
        await self._table.put(self._key(number), row)
        return _task(row)

    async def complete(self, number: int) -> Task:
        """Mark a task as done."""
        check_may_write(self._caller)
        try:
            row = await self._table.update(
                self._key(number), "SET done = :yes", condition="attribute_exists(pk)", values={":yes": True}
            )
        except ConditionFailedError:
            raise no_task(number) from None
        return _task(row)


def no_task(number: int) -> NotFoundError:
    """Return the error for a task that does not exist."""
    return NotFoundError(f"There is no task #{number}.")


def _task(row: Row) -> Task:
    return Task(int(row["number"]), row["title"], row["priority"], row["done"])


async def open_ticket(table: Table, caller: Caller, subject: str) -> str:
    """Store a ticket among the tenant's records, and return its id."""
    check_may_write(caller)
    ticket_id = uuid7()
    await table.put(
        Key(app_partition(caller.tenant_id), f"TICKET#{ticket_id}"), {"subject": subject, "by": caller.user_id}
    )
    return ticket_id


async def tickets_of(table: Table, user: Caller) -> list[Row]:
    """Return the rows of the tickets that a user has opened."""
    rows, _ = await table.query(app_partition(user.tenant_id), between=("TICKET#", "TICKET#~"), limit=MAX_LISTED)
    return [row for row in rows if row["by"] == user.user_id]


def total_of(invoice_id: int) -> int:
    """Return an invoice's total in cents."""
    if invoice_id not in INVOICES:
        raise NotFoundError(f"There is no invoice {invoice_id}.")
    return INVOICES[invoice_id]


def _refund_key(caller: Caller, invoice_id: int) -> Key:
    return Key(app_partition(caller.tenant_id), f"REFUND#{invoice_id}")


async def check_refundable(table: Table, caller: Caller, invoice_id: int, refund_id: str) -> None:
    """Refuse an invoice that another call has refunded."""
    row = await table.get(_refund_key(caller, invoice_id))
    if row is not None and row["refund_id"] != refund_id:
        raise InvalidRequestError(f"Invoice {invoice_id} has already been refunded.")


async def refund(table: Table, caller: Caller, invoice_id: int, refund_id: str) -> None:
    """Note that an invoice is refunded. The same refund again changes nothing."""
    try:
        key, row = _refund_key(caller, invoice_id), {"refund_id": refund_id}
        await table.put(key, row, condition="attribute_not_exists(pk)")
    except ConditionFailedError:
        await check_refundable(table, caller, invoice_id, refund_id)
