"""The tools of technical support."""

from __future__ import annotations

from typing import Annotated

from chatkit.agents import ClientToolCall
from chatkit.types import (
    EndOfTurnItem,
    LockedStatus,
    StructuredInputFreeform,
    StructuredInputItem,
    StructuredInputMultipleChoice,
    StructuredInputMultipleChoiceOption,
    ThreadItemDoneEvent,
)

from assistant import clock
from assistant.agent import assistant_tool
from helpdesk.context import HelpdeskToolContext, caller_of
from helpdesk.effects import GET_BROWSER_INFO
from helpdesk.records.keys import RecordNumber
from helpdesk.records.tasks import Priority
from helpdesk.records.tickets import Tickets
from helpdesk.tools.base import answer, show, step
from helpdesk.widgets.cards import ticket_card, ticket_text

# Enough for an overview.
MAX_LISTED = 10


def _tickets(context: HelpdeskToolContext) -> Tickets:
    return Tickets(context.context.request_context.resources.table, caller_of(context))


@assistant_tool
async def open_ticket(
    context: HelpdeskToolContext,
    subject: Annotated[str, "What it is about, in a few words."],
    details: Annotated[str, "Everything that helps to solve it."] = "",
    priority: Annotated[Priority, "How urgent it is."] = "medium",
) -> str:
    """Open a ticket for the support team. It is shown to the user as a card: do not repeat all of it."""
    async with step(context, "Opening a ticket", "lifesaver"):
        ticket = await _tickets(context).open(subject, details, priority)
    await context.context.stream_widget(ticket_card(ticket), copy_text=ticket_text(ticket))
    return answer(id=ticket.number, subject=ticket.subject, priority=ticket.priority, status=ticket.status)


@assistant_tool
async def get_ticket(context: HelpdeskToolContext, ticket_id: Annotated[RecordNumber, "The ticket's number."]) -> str:
    """Look up a ticket by number. It is shown to the user as a card: do not repeat all of it."""
    async with step(context, f"Looking up ticket #{ticket_id}", "lifesaver"):
        ticket = await _tickets(context).get(ticket_id)
    await context.context.stream_widget(ticket_card(ticket), copy_text=ticket_text(ticket))
    return answer(
        id=ticket.number, subject=ticket.subject, details=ticket.details, priority=ticket.priority, status=ticket.status
    )


@assistant_tool
async def list_tickets(context: HelpdeskToolContext) -> str:
    """List the newest tickets that the caller may see."""
    async with step(context, "Looking up the tickets", "lifesaver"):
        found = await _tickets(context).newest(MAX_LISTED)
    return answer(
        tickets=[
            {"id": each.number, "subject": each.subject, "priority": each.priority, "status": each.status}
            for each in found
        ]
    )


@assistant_tool
async def ask_about_problem(context: HelpdeskToolContext) -> str:
    """Ask the user, in a form, what is wrong and since when. Call it before open_ticket when little is known."""
    chat = context.context
    await show(context, "Preparing questions", "notebook-pencil")
    since = [StructuredInputMultipleChoiceOption(value=value) for value in ("Today", "This week", "For longer")]
    form = StructuredInputItem(
        id=chat.generate_id("message"),
        thread_id=chat.thread.id,
        created_at=clock.now(),
        inputs=[
            StructuredInputFreeform(
                id="problem", question="What is wrong?", description="What you did, and what happened instead."
            ),
            StructuredInputMultipleChoice(id="since", question="Since when?", options=since),
        ],
    )
    await chat.stream(ThreadItemDoneEvent(item=form))
    # Without an assistant message, ChatKit needs this item to show that the turn has ended.
    end = EndOfTurnItem(id=chat.generate_id("message"), thread_id=chat.thread.id, created_at=clock.now())
    await chat.stream(ThreadItemDoneEvent(item=end))
    return answer(displayed=True, note="The user is being asked in a form. Wait for the answers.")


@assistant_tool
async def get_browser_info(context: HelpdeskToolContext) -> str:
    """Ask the user's browser for its language, its time zone, its clock and whether it is online."""
    # Start no workflow here: the SDK would carry it into the turn with the browser's answer.
    await show(context, "Asking your browser", "desktop")
    context.context.client_tool_call = ClientToolCall(name=GET_BROWSER_INFO, arguments={})
    return answer(note="The browser has been asked.")


@assistant_tool
async def hand_to_human(
    context: HelpdeskToolContext, reason: Annotated[str, "Why a person is needed, in a few words."]
) -> str:
    """Hand this conversation to a person. It takes no more messages then. Only when the user asks for a person."""
    async with step(context, "Handing over to a person", "user"):
        ticket = await _tickets(context).open(f"Conversation: {reason}", f"Thread {context.context.thread.id}", "high")
    context.context.thread.status = LockedStatus(reason=f"A person will answer you; your ticket is #{ticket.number}.")
    return answer(ticket_id=ticket.number, note="The conversation is now locked. Say goodbye in one sentence.")
