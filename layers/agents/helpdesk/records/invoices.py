"""A tenant's invoices."""

from __future__ import annotations

from dataclasses import dataclass

from assistant.aws import ConditionFailedError, Row, Table
from assistant.errors import InvalidRequestError, NotFoundError
from helpdesk.records import keys
from helpdesk.records.numbering import now
from helpdesk.records.tenant import TenantRecords


@dataclass(frozen=True)
class Invoice:
    """The invoice of an order.

    Attributes:
        status: `open`, `paid` or `refunded`.
        total_cents: The amount in cents.
        issued_on: ISO 8601 date.
        refunded_at: UTC time in ISO 8601. None if the invoice is not refunded.
        refund_id: The id of the refund. None if the invoice is not refunded.
    """

    number: int
    status: str
    order_number: int
    total_cents: int
    issued_on: str
    refunded_at: str | None = None
    refund_id: str | None = None


class Invoices:
    """The invoices of one tenant."""

    def __init__(self, table: Table, tenant_id: str) -> None:
        self._table = table
        self._tenant_id = tenant_id
        self._records = TenantRecords(table, tenant_id)

    async def get(self, number: int) -> Invoice:
        """Return the invoice with that number.

        Raises:
            NotFoundError: The tenant has no such invoice.
        """
        row = await self._records.find("invoice", number)
        if row is None:
            raise NotFoundError(f"There is no invoice {number}.")
        return _invoice(row)

    async def newest(self, limit: int) -> list[Invoice]:
        """Return the newest invoices, newest first."""
        return [_invoice(row) for row in await self._records.newest("invoice", limit)]

    async def refundable(self, number: int, *, refund_id: str) -> Invoice:
        """Return an invoice that this refund may refund, or has already refunded.

        Raises:
            NotFoundError: The tenant has no such invoice.
            InvalidRequestError: The invoice is not paid, or another refund has refunded it.
        """
        invoice = await self.get(number)
        if invoice.status != "paid" and invoice.refund_id != refund_id:
            raise InvalidRequestError(f"Invoice {number} is {invoice.status}; only a paid invoice can be refunded.")
        return invoice

    async def refund(self, number: int, *, user_id: str, reason: str, refund_id: str) -> Invoice:
        """Mark a paid invoice as refunded.

        Args:
            number: The invoice's number.
            user_id: The user who refunds it.
            reason: The reason in the user's words.
            refund_id: The idempotency key: repeating the same refund succeeds and changes nothing.

        Raises:
            NotFoundError: The tenant has no such invoice.
            InvalidRequestError: The invoice is not paid, or another refund has refunded it.
        """
        await self.refundable(number, refund_id=refund_id)
        try:
            row = await self._table.update(
                keys.tenant_record(self._tenant_id, "invoice", number),
                "SET #status = :refunded, refunded_at = :now, refunded_by = :user, refund_reason = :reason,"
                " refund_id = :id",
                condition="#status = :paid",
                names={"#status": "status"},
                values={
                    ":refunded": "refunded",
                    ":paid": "paid",
                    ":now": now(),
                    ":user": user_id,
                    ":reason": reason,
                    ":id": refund_id,
                },
            )
        except ConditionFailedError as error:
            if error.row is None or error.row.get("refund_id") != refund_id:
                raise InvalidRequestError(f"Invoice {number} has already been refunded.") from None
            row = error.row
        return _invoice(row)


def _invoice(row: Row) -> Invoice:
    return Invoice(
        number=row["number"],
        status=row["status"],
        order_number=row["order_number"],
        total_cents=row["total_cents"],
        issued_on=row["issued_on"],
        refunded_at=row.get("refunded_at"),
        refund_id=row.get("refund_id"),
    )
