"""What a role may do. The role comes from the verified token; nothing that anybody writes changes it."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.identity import Caller


@dataclass(frozen=True)
class Grants:
    """What a caller may do beyond working with their own tasks and tickets.

    Attributes:
        employee_contact: Whether to see employees' addresses.
    """

    employee_contact: bool = False


# A role that is not listed may read what everybody may read.
ROLES = {
    "user": Grants(),
    "support": Grants(employee_contact=True),
    "admin": Grants(employee_contact=True),
}


def grants_of(caller: Caller) -> Grants:
    """Return what this caller may do."""
    return ROLES.get(caller.role, Grants())
