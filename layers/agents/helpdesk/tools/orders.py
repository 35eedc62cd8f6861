"""The tool that looks up orders."""

from __future__ import annotations

from typing import Annotated

from assistant.agent import assistant_tool
from helpdesk.context import HelpdeskToolContext, caller_of
from helpdesk.records.keys import RecordNumber
from helpdesk.records.money import money
from helpdesk.records.orders import Orders
from helpdesk.tools.base import answer, step


@assistant_tool
async def get_order(context: HelpdeskToolContext, order_id: Annotated[RecordNumber, "The order's number."]) -> str:
    """Look up an order by number: its status, what was ordered and the total."""
    table = context.context.request_context.resources.table
    async with step(context, f"Looking up order {order_id}", "cube"):
        order = await Orders(table, caller_of(context).tenant_id).get(order_id)
    if order is None:
        return answer(id=order_id, status="not_found")
    return answer(id=order.number, status=order.status, items=list(order.items), total=money(order.total_cents))
