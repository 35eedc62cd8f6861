"""What a role may do. The role comes from the verified token; nothing that anybody writes changes it."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.identity import Caller


@dataclass(frozen=True)
class Grants:
    """What a caller may do beyond reading what everybody may read and keeping their own tasks and tickets.

    Attributes:
        employee_contact: Whether to see employees' addresses.
        all_tickets: Whether to see tickets that others opened.
        refund_limit_cents: The largest invoice they may refund, in hundredths; 0 for none, None for any.
    """

    employee_contact: bool = False
    all_tickets: bool = False
    refund_limit_cents: int | None = 0

    def may_refund(self, cents: int) -> bool:
        """Tell whether an invoice of that total may be refunded."""
        return self.refund_limit_cents is None or cents <= self.refund_limit_cents


# A role that is not listed has no grants.
ROLES = {
    "user": Grants(refund_limit_cents=100_00),
    "support": Grants(employee_contact=True, all_tickets=True, refund_limit_cents=500_00),
    "admin": Grants(employee_contact=True, all_tickets=True, refund_limit_cents=None),
}


def grants_of(caller: Caller) -> Grants:
    """Return what this caller may do."""
    return ROLES.get(caller.role, Grants())
