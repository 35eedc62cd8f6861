"""Write a text for the user. A second model call writes it, and the text streams into a card."""

from __future__ import annotations

from typing import Annotated, Any

from agents import Agent, Runner
from chatkit.types import (
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemUpdate,
    ThreadItemUpdatedEvent,
    WidgetComponentUpdated,
    WidgetItem,
    WidgetRootUpdated,
    WidgetStreamingTextValueDelta,
)

from assistant import clock
from assistant.agent import assistant_tool, run_config
from assistant.models import build_model
from helpdesk.context import HelpdeskToolContext
from helpdesk.tools.base import answer, show
from helpdesk.widgets.draft import STATE_ID, TEXT_ID, empty_card, ended_card, finished_state, growing_card

_WRITER = Agent[Any](
    name="Writer",
    instructions="You write short letters and e-mails. Answer with the text alone: no preface, no remarks.",
)


@assistant_tool
async def draft_message(
    context: HelpdeskToolContext, task: Annotated[str, "For whom it is, what it must say and in which tone."]
) -> str:
    """Write a letter or an e-mail for the user. It appears on a card as it is written: do not repeat it."""
    chat, request = context.context, context.context.request_context
    card = WidgetItem(
        id=chat.generate_id("message"), thread_id=chat.thread.id, created_at=clock.now(), widget=empty_card()
    )

    async def update(change: ThreadItemUpdate) -> None:
        await chat.stream(ThreadItemUpdatedEvent(item_id=card.id, update=change))

    await show(context, "Writing a draft", "write")
    await chat.stream(ThreadItemAddedEvent(item=card))
    config = run_config(request.settings, build_model(request.settings))
    run = Runner.run_streamed(_WRITER, task, run_config=config, max_turns=1)
    written = ""
    try:
        async for event in run.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                delta = event.data.delta
                if written:
                    await update(WidgetStreamingTextValueDelta(component_id=TEXT_ID, delta=delta, done=False))
                else:
                    await update(WidgetRootUpdated(widget=growing_card(delta)))
                written += delta
    except Exception:
        # Keep a partial text and mark it as incomplete. Remove an empty card.
        cut = {"widget": ended_card(written, "incomplete"), "copy_text": written}
        ended = ThreadItemDoneEvent(item=card.model_copy(update=cut)) if written else None
        await chat.stream(ended or ThreadItemRemovedEvent(item_id=card.id))
        raise
    finally:
        run.cancel()
        request.report.count(run.context_wrapper.usage)
    await update(WidgetComponentUpdated(component_id=STATE_ID, component=finished_state()))
    whole = {"widget": ended_card(written, "ready"), "copy_text": written}
    await chat.stream(ThreadItemDoneEvent(item=card.model_copy(update=whole)))
    return answer(displayed=True, note="The text is on the user's screen. Offer to change it.")
