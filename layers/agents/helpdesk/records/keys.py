"""The keys of the records. Their partitions are those that the platform reserves for the agents' records:

    APP#tenant#user    TASK#<number>        a task
                       COUNTER#task         the number of the newest task

    APP#tenant         EMPLOYEE#<number>    an employee
                       ORDER#<number>       an order
                       INVOICE#<number>     an invoice
                       TICKET#<number>      a ticket
                       COUNTER#ticket       the number of the newest ticket
                       DEMO                 the marker that the demo data is written

Numbers are padded with zeros, so that sort keys sort like numbers.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from assistant.aws.keys import Key, app_partition

# One new task per second would use up ten digits after 300 years.
NUMBER_DIGITS = 10
# A record's number that comes from a page or a model.
RecordNumber = Annotated[int, Field(ge=1, lt=10**NUMBER_DIGITS)]

Kind = Literal["task", "employee", "order", "invoice", "ticket"]


def record_sk(kind: Kind, number: int) -> str:
    """Return the sort key of a record."""
    return f"{kind.upper()}#{number:0{NUMBER_DIGITS}d}"


def read_number(digits: str) -> int | None:
    """Return a record's number from its digits, or None if they are not a valid number."""
    if len(digits) <= NUMBER_DIGITS and digits.isascii() and digits.isdigit():
        return int(digits)
    return None


def first_and_last(kind: Kind) -> tuple[str, str]:
    """Return the lowest and highest possible sort key of a kind."""
    return record_sk(kind, 0), record_sk(kind, 10**NUMBER_DIGITS - 1)


def tenant_record(tenant_id: str, kind: Kind, number: int) -> Key:
    """Return the key of a tenant's record."""
    return Key(app_partition(tenant_id), record_sk(kind, number))


def user_record(tenant_id: str, user_id: str, kind: Kind, number: int) -> Key:
    """Return the key of a user's record."""
    return Key(app_partition(tenant_id, user_id), record_sk(kind, number))


def counter(partition: str, kind: Kind) -> Key:
    """Return the key of the counter that numbers the records of a kind."""
    return Key(partition, f"COUNTER#{kind}")


def demo_marker(tenant_id: str) -> Key:
    """Return the key of the row that marks that a tenant has its demo data."""
    return Key(app_partition(tenant_id), "DEMO")
