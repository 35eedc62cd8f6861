"""The OpenTelemetry trace of a turn: it begins with the request, and ends when the turn's end is stored.

A request that starts no turn ends its trace itself: it was refused, or it joined the turn of an equal request.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from chatkit.types import AssistantMessageItem, StreamingReq, ThreadsCreateReq, UserMessageItem

from assistant.context import RequestContext
from assistant.observability import user_hash
from assistant.otel import TurnTrace, current_trace, error_type, input_messages, output_messages, pipeline_of
from assistant.turns.journal import Journal

# The outcomes that are no error: an answer, and an end that a user asked for.
_NO_ERROR = ("done", "stopped", "interrupted")


@asynccontextmanager
async def traced(request: StreamingReq, context: RequestContext) -> AsyncIterator[None]:
    """Trace a request that starts a turn, if `OTEL_EXPORTER_OTLP_ENDPOINT` is set."""
    settings = context.settings
    pipeline = await pipeline_of(settings.tracing)
    if pipeline is None:
        yield
        return
    caller = context.caller
    hashed = user_hash(caller.tenant_id, caller.user_id, context.resources.settings.user_hash_salt)
    workflow = settings.agent_factory.partition(":")[0]
    trace = TurnTrace(
        pipeline,
        settings.tracing,
        f"invoke_workflow {workflow}",
        {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": workflow,
            "chatkit.operation": request.type,
        },
        {"user.id": hashed, "user.hash": hashed, "chatkit.tenant.id": caller.tenant_id},
        context.parent,
        settings.log_content,
    )
    if not isinstance(request, ThreadsCreateReq):
        trace.know(_thread(request.params.thread_id))
    with trace.active():
        try:
            yield
        except BaseException as error:
            trace.end({"chatkit.turn.outcome": "refused"}, error_type(error))
            raise
        if not trace.taken:
            trace.end({"chatkit.turn.outcome": "joined"})


def taken_trace(thread_id: str, turn_id: str) -> TurnTrace | None:
    """Return the trace of the request that has claimed a turn. The turn ends this trace."""
    trace = current_trace()
    if trace is None or trace.taken:
        return None
    trace.taken = True
    trace.know({**_thread(thread_id), "chatkit.turn.id": turn_id})
    return trace


def end_trace(
    trace: TurnTrace, outcome: str, story: Mapping[str, Any], message: UserMessageItem | None, journal: Journal
) -> None:
    """End a turn's trace.

    Args:
        trace: The trace.
        outcome: How the turn ended.
        story: The turn's figures.
        message: The message that the turn has answered.
        journal: The turn's items.
    """
    if trace.texts:
        _note_texts(trace, message, journal)
    trace.end(
        {
            "chatkit.turn.outcome": outcome,
            "chatkit.turn.first_delta_seconds": story["first_delta_seconds"],
            "chatkit.turn.input_tokens": story["input_tokens"],
            "chatkit.turn.output_tokens": story["output_tokens"],
            "chatkit.turn.model_calls": story["model_calls"],
            "chatkit.turn.dollars": story["dollars"],
        },
        None if outcome in _NO_ERROR else story.get("error") or outcome,
    )


def _note_texts(trace: TurnTrace, message: UserMessageItem | None, journal: Journal) -> None:
    if message is not None:
        text = "".join(part.text for part in message.content)
        trace.root.set_attribute("gen_ai.input.messages", input_messages(text))
    answers = [item for item in journal.done.values() if isinstance(item, AssistantMessageItem)]
    content = [{"type": "output_text", "text": part.text} for item in answers for part in item.content]
    if content:
        output = output_messages([{"role": "assistant", "content": content}], "stop")
        trace.root.set_attribute("gen_ai.output.messages", output)


def _thread(thread_id: str) -> dict[str, str]:
    """Return the attributes of a thread: the conventions' name, and the name by which backends group traces."""
    return {"gen_ai.conversation.id": thread_id, "session.id": thread_id}
