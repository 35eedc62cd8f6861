"""The keys of the records as pure functions. The partitions are the platform's for agents' own records:

    APP#tenant#user    TASK#<number>        a task
                       COUNTER#task         the number of the newest task

    APP#tenant         EMPLOYEE#<number>    an employee
                       ORDER#<number>       an order
                       INVOICE#<number>     an invoice
                       TICKET#<number>      a ticket
                       COUNTER#ticket       the number of the newest ticket
                       DEMO                 that the demo data has been written

Numbers are padded, so that sort keys sort as the numbers do.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assistant.aws.keys import Key, app_partition

# Ten digits: a user would need a task a second for three centuries.
NUMBER_DIGITS = 10
# A record's number where it comes from outside: a page, a model.
RecordNumber = Annotated[int, Field(ge=1, lt=10**NUMBER_DIGITS)]

Kind = Literal["task", "employee", "order", "invoice", "ticket"]


def record_sk(kind: Kind, number: int) -> str:
    """Return the sort key of the record with that number."""
    return f"{kind.upper()}#{number:0{NUMBER_DIGITS}d}"


def read_number(digits: str) -> int | None:
    """Return the number in an id from outside, None for what can be no record's number."""
    if len(digits) <= NUMBER_DIGITS and digits.isascii() and digits.isdigit():
        return int(digits)
    return None


def first_and_last(kind: Kind) -> tuple[str, str]:
    """Return the sort keys between which all records of a kind stand."""
    return record_sk(kind, 0), record_sk(kind, 10**NUMBER_DIGITS - 1)


def tenant_record(tenant_id: str, kind: Kind, number: int) -> Key:
    """Return the key of a tenant's record."""
    return Key(app_partition(tenant_id), record_sk(kind, number))


def user_record(tenant_id: str, user_id: str, kind: Kind, number: int) -> Key:
    """Return the key of a user's record."""
    return Key(app_partition(tenant_id, user_id), record_sk(kind, number))


def counter(partition: str, kind: Kind) -> Key:
    """Return the key of the counter from which records of a kind get their numbers."""
    return Key(partition, f"COUNTER#{kind}")


def demo_marker(tenant_id: str) -> Key:
    """Return the key of the row that says that a tenant has its demo data."""
    return Key(app_partition(tenant_id), "DEMO")
