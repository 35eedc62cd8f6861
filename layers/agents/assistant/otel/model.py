"""The span of a model call: one for each attempt at each provider.

https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/gen-ai-spans.md#inference
The Agents SDK has spans of model calls too. They know neither the provider nor the time to the first chunk, and they
exist only for the SDK's own models. So the platform's chain of models makes these spans.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assistant.otel.messages import input_messages, output_messages, system_instructions
from assistant.otel.turn import Value, current_trace, error_type, mark_failed

if TYPE_CHECKING:
    from agents import ModelSettings
    from opentelemetry.trace import Span

# The conventions' names of providers, by `LLM_PROVIDER`. Any other provider keeps its own name.
PROVIDERS = {"gemini": "gcp.gemini"}


class ModelSpan:
    """A model call as the chain tells of it. Without traces, it does nothing."""

    def __init__(self, opened: Span | None = None, *, texts: bool = False) -> None:
        self._span = opened
        self._texts = texts
        self._begun = time.monotonic()
        self._first: float | None = None
        self.answered = False

    def chunk(self) -> None:
        """Note a chunk of the stream. Only the first one counts."""
        if self._first is None:
            self._first = time.monotonic()

    def answer(
        self,
        output: Sequence[Any],
        usage: Any,
        *,
        response_id: str | None,
        model: str | None,
        reason: str | None = None,
    ) -> None:
        """Note the complete answer.

        Args:
            output: The items of the Responses API.
            usage: The tokens, as the Responses API or the Agents SDK counts them.
            response_id: The provider's id of the answer.
            model: The model that answered, as the provider names it.
            reason: Why the answer is incomplete.
        """
        self.answered = True
        if self._span is None:
            return
        finish = reason or ("tool_call" if any(item.type == "function_call" for item in output) else "stop")
        attributes: dict[str, Value | None] = {
            "gen_ai.response.id": response_id,
            "gen_ai.response.model": model,
            "gen_ai.response.finish_reasons": [finish],
            **_tokens(usage),
        }
        if self._texts:
            attributes["gen_ai.output.messages"] = output_messages(output, finish)
        self._span.set_attributes({name: value for name, value in attributes.items() if value is not None})

    def end(self, error: Exception | None) -> None:
        """End the span."""
        if self._span is None:
            return
        if self._first is not None:
            self._span.set_attribute("gen_ai.response.time_to_first_chunk", self._first - self._begun)
        # A complete answer stays one, even if closing its stream fails.
        if error is not None and not self.answered:
            mark_failed(self._span, error_type(error))
        self._span.end()


_NO_SPAN = ModelSpan()


@contextmanager
def model_span(
    provider: str,
    model: str,
    settings: ModelSettings,
    *,
    stream: bool,
    instructions: str | None,
    given: str | Sequence[Any],
) -> Iterator[ModelSpan]:
    """Trace a model call.

    Args:
        provider: The provider's name in the settings.
        model: The requested model.
        settings: The request's settings.
        stream: Whether the answer streams.
        instructions: The system prompt; recorded only with `LOG_CONTENT`.
        given: The history; recorded only with `LOG_CONTENT`.
    """
    trace = current_trace()
    if trace is None:
        yield _NO_SPAN
        return
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": stream,
        "gen_ai.request.temperature": settings.temperature,
        "gen_ai.request.top_p": settings.top_p,
        "gen_ai.request.max_tokens": settings.max_tokens,
    }
    if trace.texts:
        attributes["gen_ai.system_instructions"] = system_instructions(instructions)
        attributes["gen_ai.input.messages"] = input_messages(given)
    known = {name: value for name, value in attributes.items() if value is not None}
    opened = ModelSpan(trace.start_span(f"chat {model}", known, client=True), texts=trace.texts)
    failure: Exception | None = None
    try:
        yield opened
    except Exception as error:
        failure = error
        raise
    finally:
        opened.end(failure)


def _tokens(usage: Any) -> dict[str, Value | None]:
    read, written = getattr(usage, "input_tokens_details", None), getattr(usage, "output_tokens_details", None)
    return {
        "gen_ai.usage.input_tokens": getattr(usage, "input_tokens", None),
        "gen_ai.usage.output_tokens": getattr(usage, "output_tokens", None),
        "gen_ai.usage.cache_read.input_tokens": getattr(read, "cached_tokens", None) or None,
        "gen_ai.usage.reasoning.output_tokens": getattr(written, "reasoning_tokens", None) or None,
    }
