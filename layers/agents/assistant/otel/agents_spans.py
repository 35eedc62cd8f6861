"""The spans of agents, tools, handoffs and guardrails, from the Agents SDK's own tracing.

The SDK calls a processor at the start and the end of each of its spans (openai-agents 0.24). The platform traces model
calls itself (`assistant.otel.model`), so the SDK's spans of them, and those of runs and their rounds, are left out.
"""

from __future__ import annotations

import json
import threading
from contextvars import Token
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents.tracing import (
    AgentSpanData,
    CustomSpanData,
    FunctionSpanData,
    GuardrailSpanData,
    HandoffSpanData,
    MCPListToolsSpanData,
    Span,
    SpanData,
    Trace,
    TracingProcessor,
    add_trace_processor,
    set_trace_processors,
)

from assistant.otel.messages import MAX_TEXT_CHARACTERS
from assistant.otel.turn import Value, current_trace, detach, mark_failed

if TYPE_CHECKING:
    from opentelemetry.trace import Span as OtelSpan


@dataclass
class _Open:
    span: OtelSpan
    attached: Token[Any]
    trace_id: str
    texts: bool


class AgentSpans(TracingProcessor):
    """Makes an OpenTelemetry span of each span of the SDK."""

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        self._lock = threading.Lock()

    def on_trace_start(self, trace: Trace) -> None:
        """Do nothing: the turn's root span stands for it."""

    def on_trace_end(self, trace: Trace) -> None:
        """End what the SDK has left open in a cancelled run."""
        with self._lock:
            left = [key for key, each in self._open.items() if each.trace_id == trace.trace_id]
            opened = [self._open.pop(key) for key in left]
        for each in opened:
            each.span.end()

    def on_span_start(self, span: Span[Any]) -> None:
        """Start a span below the current one, and make it current."""
        trace, described = current_trace(), _described(span.span_data)
        if trace is None or described is None:
            return
        from opentelemetry import context as otel_context
        from opentelemetry.trace import set_span_in_context

        name, attributes = described
        started = trace.start_span(name, attributes)
        attached = otel_context.attach(set_span_in_context(started))
        with self._lock:
            self._open[span.span_id] = _Open(started, attached, span.trace_id, trace.texts)

    def on_span_end(self, span: Span[Any]) -> None:
        """End the span."""
        with self._lock:
            opened = self._open.pop(span.span_id, None)
        if opened is None:
            return
        detach(opened.attached)
        name, attributes = _result(span.span_data, texts=opened.texts)
        if name is not None:
            opened.span.update_name(name)
        opened.span.set_attributes(attributes)
        if span.error is not None:
            mark_failed(
                opened.span, _error_type(span.span_data), json.dumps(span.error, default=str) if opened.texts else None
            )
        opened.span.end()

    def shutdown(self) -> None:
        """Do nothing: the pipeline exports."""

    def force_flush(self) -> None:
        """Do nothing: the pipeline exports."""


def _described(data: SpanData) -> tuple[str, dict[str, Value]] | None:
    """Return the name and the attributes of a span at its start; None for one that is left out."""
    match data:
        case AgentSpanData():
            return f"invoke_agent {data.name}", {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": data.name,
            }
        case FunctionSpanData():
            return f"execute_tool {data.name}", {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": data.name,
                "gen_ai.tool.type": "extension" if data.mcp_data else "function",
            }
        case HandoffSpanData():
            return "handoff", {"chatkit.handoff.from": data.from_agent or ""}
        case GuardrailSpanData():
            return f"guardrail {data.name}", {"chatkit.guardrail.name": data.name}
        case MCPListToolsSpanData():
            return "mcp.list_tools", {"chatkit.mcp.server": data.server or ""}
        case CustomSpanData():
            return data.name, {}
        case _:
            return None


def _result(data: SpanData, *, texts: bool) -> tuple[str | None, dict[str, Value]]:
    """Return the new name, if there is one, and the attributes that are known at the end."""
    match data:
        case FunctionSpanData() if texts:
            given = {"gen_ai.tool.call.arguments": data.input, "gen_ai.tool.call.result": data.output}
            return None, {name: _as_text(value) for name, value in given.items() if value is not None}
        case HandoffSpanData():
            return f"handoff {data.to_agent}", {"chatkit.handoff.to": data.to_agent or ""}
        case GuardrailSpanData():
            return None, {"chatkit.guardrail.triggered": data.triggered}
        case CustomSpanData() if texts:
            return None, {f"chatkit.custom.{name}": _as_text(value) for name, value in data.data.items()}
        case _:
            return None, {}


def _error_type(data: SpanData) -> str:
    """Return the kind of a failure. The SDK tells no class, and its messages may quote a user or a model."""
    return "tool_error" if isinstance(data, FunctionSpanData) else "_OTHER"


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text[:MAX_TEXT_CHARACTERS]


_spans = AgentSpans()
_installed: set[bool] = set()


def install(*, beside_others: bool) -> None:
    """Let the SDK call this processor.

    Args:
        beside_others: `AGENTS_TRACING`: the SDK's exporter to OpenAI and the package's processors get the spans too.
            Otherwise this processor is the only one, so nothing else leaves the process.
    """
    if beside_others in _installed:
        return
    _installed.add(beside_others)
    if beside_others:
        add_trace_processor(_spans)
    else:
        set_trace_processors([_spans])
