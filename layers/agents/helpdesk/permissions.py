"""What a role may do. The role comes from the verified token; nothing that anybody writes changes it."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.errors import ForbiddenError
from assistant.identity import Caller


@dataclass(frozen=True)
class Grants:
    """What a caller may do beyond reading what everybody may read.

    Attributes:
        write: Whether to change anything at all: their own tasks, tickets that they open.
        employee_contact: Whether to see employees' addresses.
        all_tickets: Whether to see tickets that others opened.
        refund_limit_cents: The largest invoice they may refund, in hundredths; 0 for none, None for any.
    """

    write: bool = False
    employee_contact: bool = False
    all_tickets: bool = False
    refund_limit_cents: int | None = 0

    def may_refund(self, cents: int) -> bool:
        """Tell whether an invoice of that total may be refunded."""
        return self.refund_limit_cents is None or cents <= self.refund_limit_cents != 0


# A role that is not listed has no grants: it reads.
ROLES = {
    "user": Grants(write=True, refund_limit_cents=100_00),
    "support": Grants(write=True, employee_contact=True, all_tickets=True, refund_limit_cents=500_00),
    "admin": Grants(write=True, employee_contact=True, all_tickets=True, refund_limit_cents=None),
}


def grants_of(caller: Caller) -> Grants:
    """Return what this caller may do."""
    return ROLES.get(caller.role, Grants())


def check_may_write(caller: Caller) -> None:
    """Refuse a caller who may only read.

    Raises:
        ForbiddenError: the role has no grant to write.
    """
    if not grants_of(caller).write:
        raise ForbiddenError(f"A caller with the role {caller.role!r} may only read.")
