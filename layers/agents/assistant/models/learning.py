"""Learn from a refused request which capability the model's server lacks."""

from __future__ import annotations

import logging
import re

import openai

from assistant.models.capabilities import learnt
from assistant.models.link import Link
from assistant.models.quoted import without_request

logger = logging.getLogger(__name__)

_TOOLS = r"\b(tools(?![\[.])|tool use|tool calling|function calling)\b"
_SYSTEM = r"(system|developer) (role|message|prompt|instruction)"
# The texts by which servers refuse a request that needs a missing capability, the more exact ones first.
_REFUSALS: tuple[tuple[re.Pattern[str], str, bool], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), name, value)
    for pattern, name, value in (
        (r"reasoning_content.{0,120}(missing|required|must|back)", "replay_reasoning", True),
        (r"tool.?call.?id.{0,120}length of 9", "short_call_ids", True),
        # Ollama, OpenRouter and others; llama.cpp without `--jinja`; vLLM without `--enable-auto-tool-choice`.
        (rf"{_TOOLS}.{{0,60}}(not (supported|permitted|allowed|enabled)|unsupported)", "tools", False),
        (rf"(support|unsupported|unknown|unrecognized|unexpected|not permitted)\b.{{0,40}}{_TOOLS}", "tools", False),
        (r"tools param requires --|tool choice requires --", "tools", False),
        # The chat templates of Gemma, Mistral and others, and Gemini's endpoint for Gemma. The roles of a request
        # alternate, so the system's message is the one too many.
        (
            r"(system|developer) (role|message|prompt|instruction)s?\b.{0,40}not (supported|enabled|allowed)",
            "system_role",
            False,
        ),
        (r"not support.{0,20}(system|developer) (role|message|prompt|instruction)", "system_role", False),
        (r"only user.{0,40}roles are supported", "system_role", False),
        (r"(?<!message, conversation )roles must alternate", "system_role", False),
        (r"stream_options", "stream_options", False),
        (r"parallel_tool_calls", "parallel_tool_calls", False),
        (r"tool_choice|tool choice", "tool_choice", False),
        (r"reasoning_effort", "reasoning_effort", False),
        (r"\b(temperature|top_p)\b", "temperature", False),
        (r"content.{0,120}\bstring\b|sequence, expected a string", "content_parts", False),
    )
)
# Statuses of a refused request. OpenRouter answers 404 if no endpoint takes a parameter.
_REFUSAL_STATUSES = {400, 404, 422, 501}
# llama.cpp and mistral.rs answer 500 to a request that needs one of these.
_REFUSED_WITH_500 = {"tools", "system_role"}
# A report names its reason at the start.
_READ_CHARACTERS = 4_000

_SAVES = "For the provider `compatible`, LLM_CAPABILITIES saves the refused request"
_LOGGED_PARAMETER = f"The model's server refused a parameter, so this process omits it from now on. {_SAVES}"
_LOGGED = {
    "tools": "The model cannot use tools on this server, so this process sends none from now on: agents answer without "
    f"their tools and handoffs. Choose another model, or start the server with support for tools. {_SAVES}",
    "system_role": "The model's server refused the role `system`, so the instructions go into the first message of the "
    f"user from now on. {_SAVES}",
}


def learn(link: Link, error: Exception) -> bool:
    """Tell whether a refusal shows what the server lacks, so that the same request can be sent without it.

    A refusal that has another reason, or shows what is known already, teaches nothing.
    """
    lacks = _learn(link, error)
    if lacks is not None:
        logger.warning(
            _LOGGED.get(lacks, _LOGGED_PARAMETER),
            extra={"provider": link.provider, "model": link.model_name, "capability": lacks},
        )
    return lacks is not None


def _learn(link: Link, error: Exception) -> str | None:
    if not isinstance(error, openai.APIStatusError) or error.status_code not in {*_REFUSAL_STATUSES, 500}:
        return None
    known = learnt.setdefault((link.provider, link.model_name), {})
    # Servers differ in the field that has the words: `message`, `detail`, `error`.
    words = without_request(f"{error.message[:_READ_CHARACTERS]} {str(error.body)[:_READ_CHARACTERS]}", error.request)
    for pattern, name, value in _REFUSALS:
        if error.status_code == 500 and name not in _REFUSED_WITH_500:
            continue
        if name not in known and pattern.search(words):
            known[name] = value
            return name
    return None
