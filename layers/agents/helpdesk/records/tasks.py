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

# A title fills one line in a list.
MAX_TITLE_CHARACTERS = 200
# The maximum length of a list that a user sees and a model reads.
MAX_LISTED = 100
PAGE_ROWS = 200


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        number: The id that the user sees, starting at 1.
        completed_at: UTC time in ISO 8601. None while the task is pending.
    """

    number: int
    title: str
    priority: Priority
    status: Status
    created_at: str
    completed_at: str | None = None


@dataclass(frozen=True)
class TaskList:
    """A list of tasks, sorted by number.

    Attributes:
        filter: The filter of the list.
        more: Whether more than `MAX_LISTED` tasks match.
    """

    tasks: tuple[Task, ...]
    filter: Filter
    more: bool = False

    @property
    def pending(self) -> int:
        """The number of pending tasks in this list."""
        return sum(task.status == "pending" for task in self.tasks)


def check_title(title: str) -> str:
    """Return a title in its stored form.

    Raises:
        InvalidRequestError: The title is not one line of at most `MAX_TITLE_CHARACTERS`.
    """
    return one_line(title, MAX_TITLE_CHARACTERS, "A task's title")


def no_task(number: int) -> NotFoundError:
    """Return the error for a task that does not exist."""
    return NotFoundError(f"There is no task #{number}.")


class Tasks:
    """The tasks of one user of one tenant."""

    def __init__(self, table: Table, caller: Caller) -> None:
        self._table = table
        self._caller = caller
        self._partition = app_partition(caller.tenant_id, caller.user_id)

    async def list(self, which: Filter = "all") -> TaskList:
        """Return the first `MAX_LISTED` tasks that match the filter."""
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
            ForbiddenError: The caller may only read.
            InvalidRequestError: The title is not one line of at most `MAX_TITLE_CHARACTERS`.
        """
        check_may_write(self._caller)
        fields = {"title": check_title(title), "priority": priority, "status": "pending"}
        return _task(await add_numbered(self._table, self._partition, "task", fields))

    async def complete(self, number: int) -> Task:
        """Mark a task as completed. A completed task keeps its time.

        Raises:
            ForbiddenError: The caller may only read.
            NotFoundError: The user has no task with that number.
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
