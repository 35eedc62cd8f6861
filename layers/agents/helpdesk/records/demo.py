"""The demo data that every tenant starts with. Replace it, or `write_demo_data`, with your own import."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from assistant.aws import ConditionFailedError, Table, Write
from helpdesk.records import keys
from helpdesk.records.numbering import SCHEMA_VERSION, now

EMPLOYEES: dict[int, dict[str, Any]] = {
    3: {"name": "Amara Osei", "status": "active", "department": "Finance", "email": "amara@example.com"},
    5: {"name": "Lena Fischer", "status": "on leave", "department": "Support", "email": "lena@example.com"},
    7: {"name": "Zeeshan", "status": "active", "department": "Engineering", "email": "zeeshan@example.com"},
    9: {"name": "Mateo Ruiz", "status": "left", "department": "Sales", "email": "mateo@example.com"},
}
ORDERS: dict[int, dict[str, Any]] = {
    1001: {"status": "delivered", "items": ["Standing desk"], "total_cents": 42_900},
    1002: {"status": "shipped", "items": ["Desk lamp", "USB-C hub"], "total_cents": 8_950},
    1003: {"status": "processing", "items": ["Office chair"], "total_cents": 31_500},
}
INVOICES: dict[int, dict[str, Any]] = {
    501: {"status": "paid", "order_number": 1001, "total_cents": 42_900, "issued_on": "2026-09-30"},
    502: {"status": "paid", "order_number": 1002, "total_cents": 8_950, "issued_on": "2026-10-31"},
    503: {"status": "open", "order_number": 1003, "total_cents": 31_500, "issued_on": "2026-11-15"},
}
_DATA: tuple[tuple[keys.Kind, dict[int, dict[str, Any]]], ...] = (
    ("employee", EMPLOYEES),
    ("order", ORDERS),
    ("invoice", INVOICES),
)


async def write_demo_data(table: Table, tenant_id: str) -> None:
    """Write the demo data in one transaction, unless the tenant already has it."""
    marker = keys.demo_marker(tenant_id)
    if await table.get(marker) is not None:
        return
    written = {"created_at": now(), "schema_version": SCHEMA_VERSION}
    writes = [Write(marker, put=written, condition="attribute_not_exists(pk)")]
    for kind, records in _DATA:
        for number, fields in records.items():
            row = {**fields, "number": number, **written}
            writes.append(Write(keys.tenant_record(tenant_id, kind, number), put=row))
    # If the condition fails, another request has written the data meanwhile.
    with suppress(ConditionFailedError):
        await table.transact(writes)
