"""A user's tasks."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from assistant.aws import ConditionFailedError, Row, Table
from assistant.aws.keys import app_partition
from assistant.errors import NotFoundError
from assistant.identity import Caller
from assistant.text import one_line
from helpdesk.permissions import check_may_write
from helpdesk.records import keys
from helpdesk.records.numbering import add_numbered, now

Priority = Literal["low", "medium", "high"]
Status = Literal["pending", "completed"]
Filter = Literal["pending", "completed", "all"]

# A title is a line in a list, not a document.
MAX_TITLE_CHARACTERS = 200
# What a list shows and a model reads at once; a page of DynamoDB holds thousands of such rows.
MAX_LISTED = 100
PAGE_ROWS = 200


@dataclass(frozen=True)
class Task:
    """One thing to do.

    Attributes:
        number: The id that the user sees, from 1.
        completed_at: UTC time in ISO 8601, None while it is pending.
    """

    number: int
    title: str
    priority: Priority
    status: Status
    created_at: str
    completed_at: str | None = None


@dataclass(frozen=True)
class TaskList:
    """Tasks in the order of their numbers.

    Attributes:
        filter: Which tasks were asked for.
        more: Whether there are more than `MAX_LISTED`.
    """

    tasks: tuple[Task, ...]
    filter: Filter
    more: bool = False

    @property
    def pending(self) -> int:
        """How many of these are still to be done."""
        return sum(task.status == "pending" for task in self.tasks)


def check_title(title: str) -> str:
    """Return a title as it is stored.

    Raises:
        InvalidRequestError: it is no line of at most `MAX_TITLE_CHARACTERS`.
    """
    return one_line(title, MAX_TITLE_CHARACTERS, "A task's title")


def no_task(number: int) -> NotFoundError:
    """Return the error for a number under which the user has no task."""
    return NotFoundError(f"There is no task #{number}.")


class Tasks:
    """The tasks of one user of one tenant."""

    def __init__(self, table: Table, caller: Caller) -> None:
        self._table = table
        self._caller = caller
        self._partition = app_partition(caller.tenant_id, caller.user_id)

    async def list(self, which: Filter = "all") -> TaskList:
        """Return the first `MAX_LISTED` tasks that the filter lets through."""
        found: list[Task] = []
        between = keys.first_and_last("task")
        async with aclosing(self._table.rows(self._partition, between=between, page=PAGE_ROWS)) as rows:
            async for row in rows:
                if which in ("all", row["status"]):
                    found.append(_task(row))
                if len(found) > MAX_LISTED:
                    break
        return TaskList(tuple(found[:MAX_LISTED]), which, len(found) > MAX_LISTED)

    async def get(self, number: int) -> Task | None:
        """Return the task with that number, or None."""
        row = await self._table.get(keys.user_record(self._caller.tenant_id, self._caller.user_id, "task", number))
        return None if row is None else _task(row)

    async def add(self, title: str, priority: Priority = "medium") -> Task:
        """Store a new task under the user's next number.

        Raises:
            ForbiddenError: the caller may only read.
            InvalidRequestError: the title is no line of at most `MAX_TITLE_CHARACTERS`.
        """
        check_may_write(self._caller)
        fields = {"title": check_title(title), "priority": priority, "status": "pending"}
        return _task(await add_numbered(self._table, self._partition, "task", fields))

    async def complete(self, number: int) -> Task:
        """Mark a task as done; one that is done already keeps its time.

        Raises:
            ForbiddenError: the caller may only read.
            NotFoundError: the user has no task with that number.
        """
        check_may_write(self._caller)
        try:
            row = await self._table.update(
                keys.user_record(self._caller.tenant_id, self._caller.user_id, "task", number),
                "SET #status = :completed, completed_at = if_not_exists(completed_at, :now)",
                condition="attribute_exists(pk)",
                names={"#status": "status"},
                values={":completed": "completed", ":now": now()},
            )
        except ConditionFailedError:
            raise no_task(number) from None
        return _task(row)


def _task(row: Row) -> Task:
    return Task(
        number=row["number"],
        title=row["title"],
        priority=row["priority"],
        status=row["status"],
        created_at=row["created_at"],
        completed_at=row.get("completed_at"),
    )
