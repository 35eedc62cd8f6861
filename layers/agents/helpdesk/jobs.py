"""Long work: count the invoices, one after the other."""

from __future__ import annotations

import asyncio

from assistant.jobs import Job
from helpdesk.records.invoices import Invoices
from helpdesk.records.money import money

# The sample's tenants have fewer.
MAX_COUNTED = 100
# So that somebody who tries it sees the progress. Real work takes its own time.
PAUSE_SECONDS = 1.0


async def count_invoices(job: Job) -> str:
    """Add up the newest invoices that are open. The checkpoint is how many are counted, and their sum."""
    invoices = Invoices(job.context.resources.table, job.context.caller.tenant_id)
    found = await invoices.newest(MAX_COUNTED)
    start, cents = job.state or (0, 0)
    for index, invoice in enumerate(found[start:], start + 1):
        cents += invoice.total_cents if invoice.status == "open" else 0
        await job.progress(index, len(found), f"Invoice {invoice.number}")
        await job.checkpoint([index, cents])
        await asyncio.sleep(PAUSE_SECONDS)
    return f"I have counted {len(found)} invoices. {money(cents)} are open."
