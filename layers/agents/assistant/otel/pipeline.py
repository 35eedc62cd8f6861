"""The way of spans to the collector: the SDK's provider, its queue, and an exporter that is made in its thread.

A turn only puts ended spans into the queue, which is bounded. A thread of the SDK exports them. So a slow or dead
collector delays no turn. On Lambda an invocation waits for the export, because the process is frozen afterwards: at
most `TRACE_FLUSH_SECONDS`, and not at all for `QUIET_SECONDS` after an export that took longer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote

from assistant.settings import TracingSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Tracer

logger = logging.getLogger(__name__)

# After an export that took too long, later invocations do not wait for this long. So a dead collector costs at most
# one wait a minute. The thread exports meanwhile, whenever the process runs.
QUIET_SECONDS = 60.0
# The name of this instrumentation in each span.
SCOPE = "chatkit-on-lambda"
# The service's name without `OTEL_SERVICE_NAME`: the template sets this variable to the stack's name.
SERVICE_VARIABLE = "POWERTOOLS_SERVICE_NAME"


class Pipeline:
    """The tracer of one configuration, and the export of its spans."""

    def __init__(self, settings: TracingSettings) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        attributes = _resource_attributes(settings)
        attributes.setdefault(SERVICE_NAME, os.environ.get(SERVICE_VARIABLE) or SCOPE)
        # The SDK's own shutdown at the exit waits up to 30 s for a collector that hangs.
        provider = TracerProvider(
            sampler=_sampler(settings),
            resource=Resource.create(attributes),
            id_generator=_ids(),
            shutdown_on_exit=False,
        )
        self._processor = BatchSpanProcessor(_late_exporter(settings))
        provider.add_span_processor(self._processor)
        self.tracer: Tracer = provider.get_tracer(SCOPE)
        self._flushing: threading.Thread | None = None
        self._quiet_until = 0.0

    async def flush(self, seconds: float) -> None:
        """Wait until the ended spans are exported, at most so many seconds."""
        now = time.monotonic()
        if seconds <= 0 or now < self._quiet_until:
            return
        exported: asyncio.Future[None] | None = None
        if self._flushing is None or not self._flushing.is_alive():
            exported = asyncio.get_running_loop().create_future()
            # A daemon, so that a collector that hangs does not delay the end of the process.
            self._flushing = threading.Thread(target=self._export, args=(exported,), name="otel flush", daemon=True)
            self._flushing.start()
            await asyncio.wait([exported], timeout=seconds)
        if exported is None or not exported.done():
            self._quiet_until = time.monotonic() + QUIET_SECONDS
            logger.warning("The collector at OTEL_EXPORTER_OTLP_ENDPOINT has not taken the traces in %.1f s", seconds)

    def _export(self, exported: asyncio.Future[None]) -> None:
        try:
            # Its time-out is not used (opentelemetry-sdk 1.45).
            self._processor.force_flush()
            exported.get_loop().call_soon_threadsafe(_resolve, exported)
        except RuntimeError:
            # The event loop is closed.
            return


def _resolve(exported: asyncio.Future[None]) -> None:
    if not exported.done():
        exported.set_result(None)


_pipelines: dict[TracingSettings, Pipeline] = {}
_making = threading.Lock()


async def pipeline_of(settings: TracingSettings) -> Pipeline | None:
    """Return the pipeline of a configuration; None without traces. The first call makes it, in a thread."""
    if not settings.on:
        return None
    known = _pipelines.get(settings)
    return known if known is not None else await asyncio.to_thread(_make, settings)


def _make(settings: TracingSettings) -> Pipeline | None:
    with _making:
        if settings not in _pipelines:
            try:
                _pipelines[settings] = Pipeline(settings)
            except Exception:
                # A turn without a trace is better than no turn.
                logger.exception("Traces cannot be exported")
                return None
        return _pipelines[settings]


async def flush(seconds: float) -> None:
    """Wait until the ended spans of this process are exported, at most so many seconds."""
    if _pipelines:
        await asyncio.gather(*(each.flush(seconds) for each in list(_pipelines.values())))


def preload(settings: TracingSettings) -> None:
    """Load the libraries, but make nothing: a snapshot must contain no thread, no connection and no id."""
    if settings.on:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace.export  # noqa: F401


def _resource_attributes(settings: TracingSettings) -> dict[str, str]:
    pairs = (each.partition("=") for each in (settings.resource_attributes or "").split(","))
    attributes = {name.strip(): unquote(value.strip()) for name, _, value in pairs if name.strip()}
    if settings.service_name:
        attributes["service.name"] = settings.service_name
    return attributes


def _sampler(settings: TracingSettings) -> Sampler:
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, TraceIdRatioBased

    name = settings.sampler.removeprefix("parentbased_")
    plain: Sampler = {"always_on": ALWAYS_ON, "always_off": ALWAYS_OFF}.get(name) or TraceIdRatioBased(
        settings.sampler_arg
    )
    return plain if name == settings.sampler else ParentBased(plain)


def _ids() -> IdGenerator:
    """Return a generator of ids from the system's random numbers.

    The SDK's generator uses `random`, whose state a snapshot contains. So restored processes would repeat ids.
    """
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class SystemIds(IdGenerator):
        def generate_span_id(self) -> int:
            return secrets.randbits(64) or 1

        def generate_trace_id(self) -> int:
            return secrets.randbits(128) or 1

        def is_trace_id_random(self) -> bool:
            return True

    return SystemIds()


def _late_exporter(settings: TracingSettings) -> SpanExporter:
    """Return an exporter that loads its libraries and reads its secret when it exports, in the SDK's thread."""
    from opentelemetry.sdk.trace.export import SpanExporter

    class LateExporter(SpanExporter):
        _real: SpanExporter | None = None

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            if self._real is None:
                self._real = _exporter(settings)
            return self._real.export(spans)

        def shutdown(self) -> None:
            if self._real is not None:
                self._real.shutdown()

    return LateExporter()


def _exporter(settings: TracingSettings) -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.util.re import parse_env_headers

    # The variables for traces alone win, as the standard says. The exporter reads them.
    own_endpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" in os.environ
    own_headers = "OTEL_EXPORTER_OTLP_TRACES_HEADERS" in os.environ
    return OTLPSpanExporter(
        endpoint=None if own_endpoint else f"{(settings.endpoint or '').rstrip('/')}/v1/traces",
        headers=None
        if own_headers or not settings.headers
        else parse_env_headers(settings.headers.read(), liberal=True),
        compression=Compression(settings.compression),
    )
