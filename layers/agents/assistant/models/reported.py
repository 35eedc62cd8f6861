"""Classify a provider's report of a failure by its codes and words.

The wordings are those of OpenAI, Azure, Anthropic, Gemini, Mistral, xAI, Groq, OpenRouter, LiteLLM, Bedrock, Alibaba,
DeepSeek, Moonshot, vLLM, SGLang, TGI, llama.cpp, LM Studio and Ollama.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from assistant.errors import (
    AssistantError,
    ModelContentFilteredError,
    ModelCredentialsError,
    ModelNotFoundError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRefusedRequestError,
    RequestTooLongError,
)
from assistant.models.link import Link
from assistant.models.quoted import without_request

# A report names its reason at the start.
MAX_READ_CHARACTERS = 1_000

_FILTER_CODES = {
    "content_filter", "content_policy_violation", "image_content_policy_violation", "invalid_prompt",
    "PROHIBITED_CONTENT", "SAFETY", "ResponsibleAIPolicyViolation", "data_inspection_failed",
}  # fmt: skip
_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached"}
_LENGTH_CODES = {
    "context_length_exceeded", "string_above_max_length", "exceed_context_size_error", "model_context_window_exceeded",
}  # fmt: skip
_MODEL_CODES = {"model_not_found", "model_not_available", "model_deprecated", "DeploymentNotFound"}
_KEY_CODES = {"invalid_api_key", "API_KEY_INVALID", "UNAUTHENTICATED", "PERMISSION_DENIED"}
_LIMIT_CODES = {"rate_limit_exceeded", "RESOURCE_EXHAUSTED", "429"}
# OpenAI: `invalid_image_format`, `image_too_large`, `image_parse_error`, `unsupported_image_media_type` and more.
_FILE_CODE = re.compile(r"(^|_)(image|file|pdf|audio)(_|$)")


def _phrases(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


_FILTER_PHRASE = _phrases(
    r"content[ _-]?filter", r"content (management )?policy", r"content_?policy_?violation", r"responsible ?ai",
    r"safety (system|filter|setting)", r"prohibited.?content", r"content exists risk", r"inappropriate content",
    r"(blocked|rejected|flagged|filtered).{0,60}(safety|policy|policies|moderation|high risk)",
)  # fmt: skip
_LENGTH_PHRASE = _phrases(
    r"context (length|window|size|limit)", r"too many (input )?tokens", r"maximum.{0,20}tokens",
    r"maximum (prompt|model|input) length", r"(prompt|input) (is )?too (long|large)",
    r"prompt contains.{0,60}too large",
    r"(prompt|input|request).{0,60}(exceed|longer than).{0,60}(length|limit|context)", r"exceeded.{0,10}token limit",
    r"tokens?.{0,40}must be <=", r"input length should be", r"reduce (the length|your (message|prompt))",
)  # fmt: skip
# OpenAI and Groq answer 429 or 413 to one request that is larger than the tokens of a minute. Waiting cannot help.
_LARGER_THAN_A_MINUTE = _phrases(r"request too large")
# Gemini answers 400 to a bad key, with the reason in the message only. For a retired model Gemini answers 404, and
# OpenAI 404 or 400.
_KEY_PHRASE = _phrases(r"api key not valid", r"api_key_invalid", r"incorrect api key")
_MODEL_PHRASE = _phrases(
    r"model.{0,120}(does not exist|not found|deprecated|retired|no longer available|decommissioned|not supported)"
)
# llama.cpp answers 500 if a chat template refuses the history. A retry cannot help.
_TEMPLATE_PHRASE = _phrases(
    r"jinja exception",
    r"raise_exception",
    r"roles must alternate",
    r"system role not supported",
    r"roles are supported",
)
_FILE_PHRASE = _phrases(
    r"imag", r"vision", r"multi-?modal", r"mmproj", r"picture", r"pdf", r"document", r"attachment", r"audio",
    r"\bfiles?\b", r"input_file", r"content part", r"content type", r"media type", r"base64",
)  # fmt: skip


@dataclass(frozen=True)
class Report:
    """The codes and the words of a failure.

    Attributes:
        codes: The codes, types and statuses in the body.
        text: The words, bounded.
        flagged: Whether a moderation has flagged the input.
    """

    codes: frozenset[str]
    text: str
    flagged: bool = False

    @classmethod
    def of(cls, code: object, body: object, status: int | None = None, request: httpx2.Request | None = None) -> Report:
        """Read an error's code, body and HTTP status. An error inside a stream may have its status as the code.

        The words that repeat the request are left out.

        Gemini wraps the error in a list and has `status` where OpenAI has `code`. Azure has an inner error. Other
        servers have the words in `detail` or `error`.
        """
        if isinstance(body, list) and body:
            body = body[0]
        own = {str(each) for each in (code, status) if each is not None}
        if not isinstance(body, Mapping):
            return cls(frozenset(own), _bounded(body, request))
        inner = body.get("error")
        fields: Mapping[str, Any] = inner if isinstance(inner, Mapping) else body
        words = fields.get("message") or fields.get("detail") or fields.get("error")
        metadata = fields.get("metadata")
        # OpenRouter answers 403 to a message that its moderation refuses.
        flagged = isinstance(metadata, Mapping) and bool(metadata.get("flagged_input"))
        return cls(frozenset({*own, *_codes(fields)}), _bounded(words, request), flagged)

    def points_at_file(self) -> bool:
        """Tell whether the code or the words are about a picture or another file."""
        return any(_FILE_CODE.search(code) for code in self.codes) or _FILE_PHRASE.search(self.text) is not None


def _codes(fields: Mapping[str, Any]) -> Iterator[str]:
    for name in ("code", "type", "status"):
        if fields.get(name) is not None:
            yield str(fields[name])
    for name in ("innererror", "inner_error"):
        if isinstance(fields.get(name), Mapping):
            yield from _codes(fields[name])


def _bounded(words: object, request: httpx2.Request | None) -> str:
    if words is None:
        return ""
    text = words if isinstance(words, str) else json.dumps(words, default=str)
    return without_request(text[:MAX_READ_CHARACTERS], request)


def classified(report: Report, link: Link) -> AssistantError | None:
    """Return the error that the codes and words name, or None if they name none."""
    codes, text = report.codes, report.text
    if report.flagged or codes & _FILTER_CODES:
        return ModelContentFilteredError()
    if codes & _QUOTA_CODES:
        return ModelQuotaError()
    if _LARGER_THAN_A_MINUTE.search(text):
        return too_long()
    if codes & _LIMIT_CODES:
        return ModelRateLimitedError()
    if codes & _LENGTH_CODES or _LENGTH_PHRASE.search(text):
        return too_long()
    if codes & _KEY_CODES or _KEY_PHRASE.search(text):
        return bad_key(link)
    if _FILTER_PHRASE.search(text):
        return ModelContentFilteredError()
    if _TEMPLATE_PHRASE.search(text):
        return ModelRefusedRequestError()
    if codes & _MODEL_CODES or _MODEL_PHRASE.search(text):
        return no_model(link)
    return None


def too_long() -> RequestTooLongError:
    """Return the error of a request that is longer than the model can read."""
    return RequestTooLongError(fix="Lower HISTORY_MAX_TOKENS, or choose a model with a longer context.")


def bad_key(link: Link) -> ModelCredentialsError:
    """Return the error of a key that the provider refuses."""
    named = f"Check {link.key_setting}." if link.key_setting else "Check the credentials of the link."
    return ModelCredentialsError(fix=f"The provider refuses the key. {named}")


def no_model(link: Link) -> ModelNotFoundError:
    """Return the error of a model that the provider does not have."""
    named = f" Set {link.model_setting} to a current model." if link.model_setting else ""
    return ModelNotFoundError(
        fix=f"The model `{link.model_name}` does not exist at `{link.provider}`, or the key has no access to it.{named}"
    )
