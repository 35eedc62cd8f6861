"""Find the parts of Chat Completions that a model's server accepts.

The sources are a table, the setting `LLM_CAPABILITIES` and refused requests.

The table lists differences that a refused request may not reveal. Some servers report no error, but their answers are
worse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from agents.models.reasoning_content_replay import ReasoningContentReplayContext

from assistant.errors import ConfigurationError


@dataclass(frozen=True)
class Capabilities:
    """The parts of Chat Completions that a server accepts.

    Attributes:
        stream_options: The parameter that asks for the usage of a stream.
        content_parts: A message's content as a list of parts. If not: one string.
        tool_choice: The parameter `tool_choice`.
        parallel_tool_calls: The parameter `parallel_tool_calls`.
        reasoning_effort: The parameter `reasoning_effort`.
        temperature: The parameters `temperature` and `top_p`.
        tools: Tools and handoffs. If not: agents answer without them.
        system_role: Messages of the role `system`. If not: the instructions are in the first message of the user.
        pictures: Parts with pictures.
        files: Parts with files, such as a PDF.
        replay_reasoning: The model's `reasoning_content` goes back with its tool calls.
        short_call_ids: Ids of tool calls have nine letters and digits.
    """

    stream_options: bool = True
    content_parts: bool = True
    tool_choice: bool = True
    parallel_tool_calls: bool = True
    reasoning_effort: bool = True
    temperature: bool = True
    tools: bool = True
    system_role: bool = True
    pictures: bool = True
    files: bool = True
    replay_reasoning: bool = False
    short_call_ids: bool = False


_NAMES = frozenset(field.name for field in fields(Capabilities))

# Changes to the defaults, by a model's name.
_BY_MODEL: tuple[tuple[re.Pattern[str], dict[str, bool]], ...] = (
    # https://api-docs.deepseek.com/guides/thinking_mode and https://platform.moonshot.ai/docs/guide/use-kimi-k2-thinking-model
    (re.compile(r"deepseek|kimi|moonshot", re.IGNORECASE), {"replay_reasoning": True}),
    (re.compile(r"(mis|minis|magis|devs|codes|pix|vox)tral", re.IGNORECASE), {"short_call_ids": True}),
)

# The capabilities that refused requests have shown to be wrong, by provider and model: see `assistant.models.learning`.
learnt: dict[tuple[str, str], dict[str, bool]] = {}


def named_capabilities(words: Iterable[str]) -> dict[str, bool]:
    """Read `LLM_CAPABILITIES`: `name` for a capability that the server has, `-name` for one that it lacks.

    Raises:
        ConfigurationError: there is no such capability.
    """
    changes = {word.removeprefix("-"): not word.startswith("-") for word in words}
    unknown = sorted(changes.keys() - _NAMES)
    if unknown:
        raise ConfigurationError(
            f"LLM_CAPABILITIES has the unknown name {unknown[0]!r}. The names are: {', '.join(sorted(_NAMES))}."
        )
    return changes


def capabilities_of(provider: str, model_name: str, named: Iterable[str] = ()) -> Capabilities:
    """Return the known capabilities of a model's server.

    Args:
        provider: The link's provider.
        model_name: The model.
        named: The setting `LLM_CAPABILITIES`, for the provider that it is about.
    """
    changes: dict[str, bool] = {}
    for pattern, more in _BY_MODEL:
        if pattern.search(model_name):
            changes |= more
    changes |= named_capabilities(named)
    return replace(Capabilities(), **(changes | learnt.get((provider, model_name), {})))


def forget_learnt() -> None:
    """Forget the capabilities that refused requests have shown, for the next test."""
    learnt.clear()


def replays_reasoning(context: ReasoningContentReplayContext, known: Capabilities) -> bool:
    """Tell whether a reasoning item goes back to the server. Another model's reasoning never does."""
    origin = context.reasoning.origin_model
    return known.replay_reasoning and (origin is None or origin == context.model)


def with_instructions(instructions: str, given: str | list[Any]) -> str | list[Any]:
    """Return model input whose first message of the user begins with the instructions."""
    if isinstance(given, str):
        return f"{instructions}\n\n{given}"
    part = {"type": "input_text", "text": instructions}
    place = next((place for place, item in enumerate(given) if item.get("role") == "user"), None)
    if place is None:
        return [{"role": "user", "content": [part]}, *given]
    content = given[place]["content"]
    if isinstance(content, str):
        joined: Any = f"{instructions}\n\n{content}"
    else:
        joined = [part, *content]
    return [*given[:place], {**given[place], "content": joined}, *given[place + 1 :]]


_LEFT_OUT = {"input_image": "pictures", "input_file": "files"}
_SHORT_ID_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
_SHORT_ID_LENGTH = 9


def fit_items(items: list[Any], known: Capabilities) -> list[Any]:
    """Return model input that has only parts that the server accepts."""
    return [_fit_item(item, known) for item in items]


def _fit_item(item: Mapping[str, Any], known: Capabilities) -> dict[str, Any]:
    fitted = dict(item)
    for field in ("content", "output"):
        parts = fitted.get(field)
        if isinstance(parts, list) and fitted.get("role") != "assistant" and fitted.get("type") != "reasoning":
            fitted[field] = _fit_parts(parts, known)
    if known.short_call_ids and isinstance(fitted.get("call_id"), str):
        fitted["call_id"] = _short_id(fitted["call_id"])
    return fitted


def _fit_parts(parts: list[Any], known: Capabilities) -> list[Any] | str:
    kept: list[Any] = []
    for part in parts:
        lacks = _LEFT_OUT.get(part.get("type", "")) if isinstance(part, Mapping) else None
        if lacks and not (getattr(known, lacks) and known.content_parts):
            kept.append({"type": "input_text", "text": f"[The model does not accept {lacks}: one was left out.]"})
        else:
            kept.append(part)
    if known.content_parts:
        return kept
    return "\n\n".join(cast(str, part.get("text", "")) for part in kept if isinstance(part, Mapping))


def _short_id(call_id: str) -> str:
    """Return the same nine letters and digits for an id each time."""
    import hashlib

    digest = hashlib.sha256(call_id.encode()).digest()[:_SHORT_ID_LENGTH]
    return "".join(_SHORT_ID_ALPHABET[byte % len(_SHORT_ID_ALPHABET)] for byte in digest)
