"""The cards that show one invoice or one ticket."""

from __future__ import annotations

from chatkit.icons import IconName
from chatkit.widgets import DynamicWidgetRoot

from helpdesk.records.invoices import Invoice
from helpdesk.records.money import money
from helpdesk.records.tickets import Ticket
from helpdesk.widgets.parts import PRIORITY_COLORS, Part, badge, grow, icon, part, root, text

_INVOICE_COLORS = {"open": "warning", "paid": "success", "refunded": "info"}


def invoice_card(invoice: Invoice) -> DynamicWidgetRoot:
    """Return the card of an invoice."""
    facts = {
        "Total": money(invoice.total_cents),
        "Order": str(invoice.order_number),
        "Issued": invoice.issued_on,
    }
    if invoice.refunded_at:
        facts["Refunded"] = invoice.refunded_at[:10]
    status = badge(invoice.status, _INVOICE_COLORS.get(invoice.status, "secondary"))
    return _card("document", f"Invoice {invoice.number}", status, facts)


def invoice_text(invoice: Invoice) -> str:
    """Return an invoice as text, for the copy button."""
    return f"Invoice {invoice.number}: {money(invoice.total_cents)}, {invoice.status}, issued {invoice.issued_on}"


def ticket_card(ticket: Ticket) -> DynamicWidgetRoot:
    """Return the card of a ticket."""
    facts = {"Subject": ticket.subject, "Opened": ticket.created_at[:10], "Status": ticket.status}
    if ticket.details:
        facts["Details"] = ticket.details
    return _card(
        "lifesaver", f"Ticket #{ticket.number}", badge(ticket.priority, PRIORITY_COLORS[ticket.priority]), facts
    )


def ticket_text(ticket: Ticket) -> str:
    """Return a ticket as text, for the copy button."""
    return f"Ticket #{ticket.number}: {ticket.subject} ({ticket.priority}, {ticket.status})"


def _card(name: IconName, title: str, status: Part, facts: dict[str, str]) -> DynamicWidgetRoot:
    header = part(
        "Row", gap=2, align="center", children=[icon(name), grow(part("Title", value=title, size="sm")), status]
    )
    rows = [
        part(
            "Row",
            key=label.lower(),
            gap=3,
            children=[part("Caption", value=label), grow(text(value, textAlign="end", size="sm"))],
        )
        for label, value in facts.items()
    ]
    return root("Card", size="sm", children=[header, part("Divider"), *rows])
