"""OpenTelemetry traces of turns, by the GenAI semantic conventions.

Without `OTEL_EXPORTER_OTLP_ENDPOINT`, nothing here imports the OpenTelemetry SDK. docs/tracing.md describes the spans.
The attributes' names are those of https://github.com/open-telemetry/semantic-conventions-genai (docs/gen-ai, 2026)
and of https://opentelemetry.io/docs/specs/semconv/cloud-providers/aws-sdk/.
"""

from assistant.otel.messages import input_messages, output_messages
from assistant.otel.model import ModelSpan, model_span
from assistant.otel.pipeline import flush, pipeline_of, preload
from assistant.otel.turn import Parent, TurnTrace, aws_call, current_trace, error_type, span

__all__ = [
    "ModelSpan",
    "Parent",
    "TurnTrace",
    "aws_call",
    "current_trace",
    "error_type",
    "flush",
    "input_messages",
    "model_span",
    "output_messages",
    "pipeline_of",
    "preload",
    "span",
]
