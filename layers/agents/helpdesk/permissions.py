"""The permissions of each role. The role comes from the verified token, so no message can change it."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors import ForbiddenError
from assistant.identity import Caller


@dataclass(frozen=True)
class Grants:
    """The permissions of a role beyond reading.

    Attributes:
        write: May change their own tasks and open tickets.
        employee_contact: May see employees' e-mail addresses.
        all_tickets: May see the tickets of other users.
        refund_limit_cents: The largest amount that they may refund, in cents. 0: nothing. None: any amount.
    """

    write: bool = False
    employee_contact: bool = False
    all_tickets: bool = False
    refund_limit_cents: int | None = 0

    def may_refund(self, cents: int) -> bool:
        """Return whether this role may refund an invoice with that total."""
        return self.refund_limit_cents is None or cents <= self.refund_limit_cents != 0


# Any other role may only read.
ROLES = {
    "user": Grants(write=True, refund_limit_cents=100_00),
    "support": Grants(write=True, employee_contact=True, all_tickets=True, refund_limit_cents=500_00),
    "admin": Grants(write=True, employee_contact=True, all_tickets=True, refund_limit_cents=None),
}


def grants_of(caller: Caller) -> Grants:
    """Return the caller's permissions."""
    return ROLES.get(caller.role, Grants())


def check_may_write(caller: Caller) -> None:
    """Check that the caller may write.

    Raises:
        ForbiddenError: The caller may only read.
    """
    if not grants_of(caller).write:
        raise ForbiddenError(f"Your role {caller.role!r} may only read.")
