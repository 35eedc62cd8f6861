"""A tenant's tickets."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.aws import Row, Table
from assistant.aws.keys import app_partition
from assistant.errors import InvalidRequestError, NotFoundError
from assistant.identity import Caller
from assistant.text import one_line
from helpdesk.permissions import check_may_write, grants_of
from helpdesk.records import keys
from helpdesk.records.numbering import add_numbered
from helpdesk.records.tasks import Priority

MAX_SUBJECT_CHARACTERS = 200
MAX_DETAILS_CHARACTERS = 4_000
# The caller's tickets are searched among this many of the tenant's newest tickets.
SCANNED_ROWS = 500


@dataclass(frozen=True)
class Ticket:
    """A request for help.

    Attributes:
        status: `open` at first. The support team's own system changes it.
        opened_by: The user's id.
        created_at: UTC time in ISO 8601.
    """

    number: int
    subject: str
    details: str
    priority: Priority
    status: str
    opened_by: str
    created_at: str


class Tickets:
    """The tickets of the tenant that the caller may see: the caller's own, or all if the role allows it."""

    def __init__(self, table: Table, caller: Caller) -> None:
        self._table = table
        self._caller = caller
        self._partition = app_partition(caller.tenant_id)

    async def open(self, subject: str, details: str, priority: Priority) -> Ticket:
        """Store a new ticket under the tenant's next number.

        Raises:
            ForbiddenError: The caller may only read.
            InvalidRequestError: The subject or the details are not valid or too long.
        """
        check_may_write(self._caller)
        subject, details = one_line(subject, MAX_SUBJECT_CHARACTERS, "A ticket's subject"), details.strip()
        if len(details) > MAX_DETAILS_CHARACTERS:
            raise InvalidRequestError(f"A ticket's details must have at most {MAX_DETAILS_CHARACTERS} characters.")
        fields = {
            "subject": subject,
            "details": details,
            "priority": priority,
            "status": "open",
            "opened_by": self._caller.user_id,
        }
        return _ticket(await add_numbered(self._table, self._partition, "ticket", fields))

    async def get(self, number: int) -> Ticket:
        """Return a ticket.

        Raises:
            NotFoundError: The ticket does not exist, or the caller may not see it.
        """
        row = await self._table.get(keys.tenant_record(self._caller.tenant_id, "ticket", number))
        if row is None or not self._sees(row):
            raise NotFoundError(f"There is no ticket #{number}.")
        return _ticket(row)

    async def newest(self, limit: int) -> list[Ticket]:
        """Return the newest tickets, newest first."""
        rows, _ = await self._table.query(
            self._partition, between=keys.first_and_last("ticket"), descending=True, limit=SCANNED_ROWS
        )
        return [_ticket(row) for row in rows if self._sees(row)][:limit]

    def _sees(self, row: Row) -> bool:
        return grants_of(self._caller).all_tickets or row["opened_by"] == self._caller.user_id


def _ticket(row: Row) -> Ticket:
    return Ticket(
        number=row["number"],
        subject=row["subject"],
        details=row["details"],
        priority=row["priority"],
        status=row["status"],
        opened_by=row["opened_by"],
        created_at=row["created_at"],
    )


async def rows_opened_by(table: Table, user: Caller) -> list[Row]:
    """Return the rows of all tickets that a user opened, for export and erasure."""
    rows = table.rows(app_partition(user.tenant_id), between=keys.first_and_last("ticket"), page=SCANNED_ROWS)
    return [row async for row in rows if row["opened_by"] == user.user_id]
