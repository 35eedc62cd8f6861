"""The trace of a turn: its root span, and the spans of what the turn calls.

A span carries the ids of thread, turn and tenant and the hash of the user, because some backends filter span by span.
No span has a text of a user or a model unless `LOG_CONTENT` allows texts: neither an attribute nor an error's message.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from assistant.errors import AssistantError
from assistant.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from assistant.otel.pipeline import Pipeline

Value = str | bool | int | float | list[str]
# Lambda sets it for each invocation.
_XRAY_HEADER = "_X_AMZN_TRACE_ID"

_current: ContextVar[TurnTrace | None] = ContextVar("assistant_turn_trace", default=None)


def current_trace() -> TurnTrace | None:
    """Return the trace of the turn that runs here; None outside a turn, and without traces."""
    return _current.get()


@dataclass(frozen=True)
class Parent:
    """The W3C headers of a request, https://www.w3.org/TR/trace-context/: the caller's span is the turn's parent."""

    traceparent: str | None = None
    tracestate: str | None = None


@dataclass(eq=False)
class TurnTrace:
    """The open root span of one turn.

    Args:
        pipeline: Makes and exports the spans.
        settings: The settings of traces.
        name: The root span's name.
        attributes: The attributes of the root span.
        common: The attributes of every span.
        parent: The headers of the request.
        texts: Whether texts may be recorded.

    Attributes:
        taken: A running turn ends the trace. Otherwise the request does.
    """

    pipeline: Pipeline
    settings: TracingSettings
    name: str
    attributes: Mapping[str, Value]
    common: dict[str, Value]
    parent: Parent = field(default_factory=Parent)
    texts: bool = False
    taken: bool = field(init=False, default=False)
    root: Span = field(init=False)

    def __post_init__(self) -> None:
        from opentelemetry.trace import SpanKind

        self.root = self.pipeline.tracer.start_span(
            self.name,
            context=_parent_context(self.settings, self.parent),
            kind=SpanKind.SERVER,
            attributes={**self.common, **self.attributes},
        )

    def know(self, common: Mapping[str, Value]) -> None:
        """Add attributes to the root span and to every later span."""
        self.common.update(common)
        self.root.set_attributes(common)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the root span the parent of what the enclosed code and its tasks call."""
        from opentelemetry import context as otel_context
        from opentelemetry.trace import set_span_in_context

        token = _current.set(self)
        attached = otel_context.attach(set_span_in_context(self.root))
        try:
            yield
        finally:
            detach(attached)
            _current.reset(token)

    def start_span(self, name: str, attributes: Mapping[str, Value], *, client: bool = False) -> Span:
        """Start a span below the current one."""
        from opentelemetry.trace import SpanKind

        kind = SpanKind.CLIENT if client else SpanKind.INTERNAL
        return self.pipeline.tracer.start_span(name, kind=kind, attributes={**self.common, **attributes})

    def end(self, attributes: Mapping[str, Value | None], error: str | None = None) -> None:
        """End the trace. A second end does nothing."""
        if not self.root.is_recording():
            return
        self.root.set_attributes({name: value for name, value in attributes.items() if value is not None})
        if error is not None:
            mark_failed(self.root, error)
        self.root.end()


def _parent_context(settings: TracingSettings, parent: Parent) -> Context:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    if parent.traceparent:
        carrier = {"traceparent": parent.traceparent, "tracestate": parent.tracestate or ""}
    elif settings.xray_parent:
        carrier = _from_xray(os.environ.get(_XRAY_HEADER, ""))
    # An empty context: a turn is no child of whatever runs here.
    return TraceContextTextMapPropagator().extract(carrier, context=Context())


def _from_xray(header: str) -> dict[str, str]:
    """Return Lambda's X-Ray header as a W3C header: the ids have the same bits.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
    """
    parts = dict(part.strip().partition("=")[::2] for part in header.split(";"))
    trace_id = parts.get("Root", "").removeprefix("1-").replace("-", "")
    sampled = "01" if parts.get("Sampled") == "1" else "00"
    return {"traceparent": f"00-{trace_id}-{parts['Parent']}-{sampled}"} if trace_id and "Parent" in parts else {}


def detach(token: Token[Any]) -> None:
    """Make the earlier span current again, unless this runs in another context, as the end of a lost generator does.

    OpenTelemetry's own `detach` logs an error there.
    """
    try:
        token.var.reset(token)
    except ValueError:
        return


def mark_failed(failed: Span, error_type: str, message: str | None = None) -> None:
    """Mark a span as failed. The error's message may quote a user, so it needs `LOG_CONTENT`."""
    from opentelemetry.trace import StatusCode

    failed.set_attribute("error.type", error_type)
    failed.set_status(StatusCode.ERROR, message)


def error_type(error: BaseException) -> str:
    """Return the code of an error of the platform, or the class of any other. A provider may set other codes."""
    return error.code if isinstance(error, AssistantError) else type(error).__qualname__


@contextmanager
def span(name: str, attributes: Mapping[str, Value] | None = None) -> Iterator[None]:
    """Trace the enclosed code of a tool as a span of its turn. Do nothing outside a turn, and without traces.

    Args:
        name: The span's name. It must not contain text of users.
        attributes: The span's attributes. They must not contain text of users.
    """
    trace = _current.get()
    if trace is None:
        yield
        return
    from opentelemetry import context as otel_context
    from opentelemetry.trace import set_span_in_context

    opened = trace.start_span(name, attributes or {})
    attached = otel_context.attach(set_span_in_context(opened))
    try:
        yield
    except Exception as error:
        mark_failed(opened, error_type(error))
        raise
    finally:
        detach(attached)
        opened.end()


@contextmanager
def aws_call(
    service: str, refusals: tuple[type[Exception], ...], operation: str = "", table_name: str | None = None
) -> Iterator[None]:
    """Trace a call of the table or the bucket.

    Args:
        service: `DynamoDB` or `S3`.
        refusals: Errors that are a valid answer, such as a failed condition.
        operation: The operation's name, such as `GetItem`.
        table_name: The table.
    """
    trace = _current.get()
    if trace is None:
        yield
        return
    attributes: dict[str, Value] = {"rpc.system": "aws-api", "rpc.service": service, "rpc.method": operation}
    if table_name is not None:
        attributes |= {
            "db.system.name": "aws.dynamodb",
            "db.operation.name": operation,
            "aws.dynamodb.table_names": [table_name],
        }
    opened = trace.start_span(f"{service}.{operation}", attributes, client=True)
    try:
        yield
    except Exception as error:
        if not isinstance(error, refusals):
            mark_failed(opened, error_type(error))
        raise
    finally:
        opened.end()
