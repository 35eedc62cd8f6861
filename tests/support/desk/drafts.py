"""A tool that has an agent of its own write a text, which streams into a card."""

from __future__ import annotations

from typing import Any

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

from .tools import Context, answer
from .widgets import STATE_ID, TEXT_ID, draft, ready

_WRITER = Agent[Any](name="Writer", instructions="You write short letters.")


@assistant_tool
async def draft_message(context: Context, task: str) -> str:
    """Write a letter for the user. It appears on a card."""
    chat, request = context.context, context.context.request_context
    card = WidgetItem(
        id=chat.generate_id("message"),
        thread_id=chat.thread.id,
        created_at=clock.now(),
        widget=draft("", streaming=False),
    )

    async def update(change: ThreadItemUpdate) -> None:
        await chat.stream(ThreadItemUpdatedEvent(item_id=card.id, update=change))

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
                    await update(WidgetRootUpdated(widget=draft(delta, streaming=True)))
                written += delta
    except Exception:
        await chat.stream(ThreadItemRemovedEvent(item_id=card.id))
        raise
    finally:
        run.cancel()
        request.report.count(run.context_wrapper.usage)
    await update(WidgetComponentUpdated(component_id=STATE_ID, component=ready()))
    whole = {"widget": draft(written, streaming=False, state="Ready"), "copy_text": written}
    await chat.stream(ThreadItemDoneEvent(item=card.model_copy(update=whole)))
    return answer(displayed=True)
