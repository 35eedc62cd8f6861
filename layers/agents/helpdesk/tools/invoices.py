"""The billing tools. A refund is asked for by the model, approved by the user and allowed by the user's role."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from agents import RunContextWrapper
from chatkit.types import CustomTask, NoticeEvent, TaskItem, ThreadItemDoneEvent

from assistant.errors import AssistantError, ForbiddenError
from assistant.threads.rows import now
from helpdesk.context import HelpdeskRunContext, HelpdeskToolContext, caller_of
from helpdesk.permissions import grants_of
from helpdesk.records.invoices import Invoice, Invoices
from helpdesk.records.keys import RecordNumber
from helpdesk.records.money import money
from helpdesk.tools.base import answer, helpdesk_tool, step
from helpdesk.widgets.cards import invoice_card, invoice_text

# What a model can take in at a glance; who wants more asks for a number.
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


@helpdesk_tool
async def get_invoice(
    context: HelpdeskToolContext, invoice_id: Annotated[RecordNumber, "The invoice's number."]
) -> str:
    """Look up an invoice by number. It is shown to the user as a card: do not repeat all of it."""
    async with step(context, f"Looking up invoice {invoice_id}", "document"):
        invoice = await _invoices(context).get(invoice_id)
    await context.context.stream_widget(invoice_card(invoice), copy_text=invoice_text(invoice))
    return answer(**_facts(invoice))


@helpdesk_tool
async def list_invoices(context: HelpdeskToolContext) -> str:
    """List the newest invoices, with their numbers, amounts and status."""
    async with step(context, "Looking up the invoices", "document"):
        found = await _invoices(context).newest(MAX_LISTED)
    return answer(invoices=[_facts(invoice) for invoice in found])


async def _may_be_refunded(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
    """Tell whether to ask the user: not for what would be refused anyhow, which the tool then says at once."""
    try:
        invoice = await _invoices(context).get(int(arguments["invoice_id"]))
    except (AssistantError, KeyError, TypeError, ValueError):
        return False
    return invoice.status == "paid" and grants_of(caller_of(context)).may_refund(invoice.total_cents)


@partial(helpdesk_tool, needs_approval=_may_be_refunded)
async def refund_invoice(
    context: HelpdeskToolContext,
    invoice_id: Annotated[RecordNumber, "The invoice's number."],
    reason: Annotated[str, "Why it is refunded, in the user's words."],
) -> str:
    """Refund a paid invoice. The user is asked to approve it first; do not ask for that yourself."""
    async with step(context, f"Refunding invoice {invoice_id}", "document"):
        caller, invoices = caller_of(context), _invoices(context)
        invoice = await invoices.get(invoice_id)
        if not grants_of(caller).may_refund(invoice.total_cents):
            raise ForbiddenError(f"A caller with the role {caller.role!r} may not refund {money(invoice.total_cents)}.")
        # The call's id makes a refund that is repeated after a crash the same refund.
        refunded = await invoices.refund(
            invoice_id, user_id=caller.user_id, reason=reason, refund_id=context.tool_call_id
        )
    chat = context.context
    amount = money(refunded.total_cents)
    done = CustomTask(title=f"Refunded invoice {invoice_id}", content=amount, icon="check-circle")
    await chat.stream(
        ThreadItemDoneEvent(
            item=TaskItem(id=chat.generate_id("task"), thread_id=chat.thread.id, created_at=now(), task=done)
        )
    )
    await chat.stream(NoticeEvent(level="info", title="Refund", message=f"**{amount}** will arrive in five days."))
    return answer(**_facts(refunded))
