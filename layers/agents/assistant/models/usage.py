"""Estimate the usage of a call whose provider reports none, or an implausible one.

Some gateways never send usage. Quotas count tokens, so a call without usage must not be free.
"""

from __future__ import annotations

import json

from agents import ModelResponse, TResponseInputItem, Usage
from openai.types.responses import ResponseCompletedEvent, ResponseUsage
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from assistant.models.counts import count_of
from assistant.models.file_parts import without_files
from assistant.models.link import ModelCall
from assistant.models.meter import ATTACHMENT_TOKENS, CHARACTERS_PER_TOKEN


def estimated_tokens(characters: int) -> int:
    """Return the estimated tokens of a text of this length, at least one for any text."""
    return -(-characters // CHARACTERS_PER_TOKEN)


def usage_of(input_tokens: int, output_tokens: int) -> ResponseUsage:
    """Return usage in the Responses API's shape."""
    return ResponseUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=input_tokens + output_tokens,
        input_tokens_details=InputTokensDetails(cached_tokens=0, cache_write_tokens=0),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=0),
    )


def input_characters(instructions: str | None, given: str | list[TResponseInputItem]) -> int:
    """Return the number of characters in a call's instructions and history. A file counts as `ATTACHMENT_TOKENS`."""
    files, history = 0, given
    if not isinstance(given, str):
        plain = [without_files(item) for item in given]
        files = sum(count for _, count in plain)
        history = json.dumps([item for item, _ in plain], default=str)
    return len(instructions or "") + len(history) + files * ATTACHMENT_TOKENS * CHARACTERS_PER_TOKEN


def with_usage(event: ResponseCompletedEvent, call: ModelCall, written: int) -> ResponseCompletedEvent:
    """Return the event, with estimated usage if it has none or an implausible one.

    Args:
        event: The end of a stream.
        call: The request.
        written: The characters of text and arguments received.
    """
    usage = event.response.usage
    if usage is None or not _is_plausible(usage):
        event.response.usage = usage_of(
            estimated_tokens(input_characters(call.instructions, call.input)), estimated_tokens(written)
        )
    return event


def with_whole_usage(response: ModelResponse, call: ModelCall) -> ModelResponse:
    """Return a whole response, with estimated usage if it has none or an implausible one."""
    usage = response.usage
    if usage.total_tokens == 0 or not _is_plausible(usage):
        written = sum(len(item.model_dump_json(exclude_none=True)) for item in response.output)
        usage.input_tokens = estimated_tokens(input_characters(call.instructions, call.input))
        usage.output_tokens = estimated_tokens(written)
        usage.total_tokens = usage.input_tokens + usage.output_tokens
    return response


def _is_plausible(usage: ResponseUsage | Usage) -> bool:
    counts = usage.input_tokens, usage.output_tokens, usage.total_tokens
    return all(isinstance(count, int) and count_of(count) is not None for count in counts)
