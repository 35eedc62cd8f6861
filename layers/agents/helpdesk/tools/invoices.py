"""The billing tools. The model requests a refund, the user's role must allow it, and the user approves it."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from chatkit.types import CustomTask, NoticeEvent, TaskItem, ThreadItemDoneEvent

from assistant import clock
from assistant.agent import assistant_tool
from assistant.errors import ForbiddenError
from helpdesk.context import HelpdeskRunContext, HelpdeskToolContext, caller_of
from helpdesk.permissions import grants_of
from helpdesk.records.invoices import Invoice, Invoices
from helpdesk.records.keys import RecordNumber
from helpdesk.records.money import money
from helpdesk.tools.base import answer, step
from helpdesk.widgets.cards import invoice_card, invoice_text

# Enough for an overview. Older invoices are found by number.
MAX_LISTED = 10


def _invoices(context: HelpdeskRunContext) -> Invoices:
    return Invoices(context.context.request_context.resources.table, caller_of(context).tenant_id)


def _facts(invoice: Invoice) -> dict[str, Any]:
    return {
        "id": invoice.number,
        "status": invoice.status,
        "total": money(invoice.total_cents),
        "order_id": invoice.order_number,
        "issued_on": invoice.issued_on,
    }


@assistant_tool
async def count_invoices(context: HelpdeskToolContext) -> str:
    """Add up all open invoices. This takes a while: it goes on after your answer, and its result comes by itself."""
    from assistant.jobs import start_job

    await start_job("count_invoices", "Counting the invoices", {}, context.context)
    return answer(begun=True)


@assistant_tool
async def get_invoice(
    context: HelpdeskToolContext, invoice_id: Annotated[RecordNumber, "The invoice's number."]
) -> str:
    """Look up an invoice by number. It is shown to the user as a card: do not repeat all of it."""
    async with step(context, f"Looking up invoice {invoice_id}", "document"):
        invoice = await _invoices(context).get(invoice_id)
    await context.context.stream_widget(invoice_card(invoice), copy_text=invoice_text(invoice))
    return answer(**_facts(invoice))


@assistant_tool
async def list_invoices(context: HelpdeskToolContext) -> str:
    """List the newest invoices, with their numbers, amounts and status."""
    async with step(context, "Looking up the invoices", "document"):
        found = await _invoices(context).newest(MAX_LISTED)
    return answer(invoices=[_facts(invoice) for invoice in found])


async def _check_refund(context: HelpdeskToolContext, invoice_id: int, reason: str) -> str:
    """Refuse a refund that is not possible or not allowed, and tell the user who is asked what it does."""
    caller = caller_of(context)
    invoice = await _invoices(context).refundable(invoice_id, refund_id=context.tool_call_id)
    if not grants_of(caller).may_refund(invoice.total_cents):
        raise ForbiddenError(f"Your role {caller.role!r} may not refund {money(invoice.total_cents)}.")
    return f"{money(invoice.total_cents)} will be paid back for order {invoice.order_number}."


@partial(assistant_tool, needs_approval=True, check=_check_refund)
async def refund_invoice(
    context: HelpdeskToolContext,
    invoice_id: Annotated[RecordNumber, "The invoice's number."],
    reason: Annotated[str, "Why it is refunded, in the user's words."],
) -> str:
    """Refund a paid invoice. The user is asked to approve it first; do not ask for that yourself."""
    async with step(context, f"Refunding invoice {invoice_id}", "document"):
        # The call's id is the idempotency key: after a crash, the repeated call is the same refund.
        refunded = await _invoices(context).refund(
            invoice_id, user_id=caller_of(context).user_id, reason=reason, refund_id=context.tool_call_id
        )
    chat = context.context
    amount = money(refunded.total_cents)
    done = CustomTask(title=f"Refunded invoice {invoice_id}", content=amount, icon="check-circle")
    await chat.stream(
        ThreadItemDoneEvent(
            item=TaskItem(id=chat.generate_id("task"), thread_id=chat.thread.id, created_at=clock.now(), task=done)
        )
    )
    await chat.stream(NoticeEvent(level="info", title="Refund", message=f"**{amount}** will arrive in five days."))
    return answer(**_facts(refunded))
