"""Map a provider's failures to our errors, and tell whether a retry or another provider can help.

A user never reads a provider's own text: a body can quote the prompt, and a message can show part of a key. The module
reads the status, the code and a few known phrases. `assistant.models.call_log` decides what the log gets.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import openai
from agents.exceptions import ModelBehaviorError

from assistant.errors import (
    AssistantError,
    ModelContentFilteredError,
    ModelCredentialsError,
    ModelError,
    ModelNotFoundError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRefusedRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
)
from assistant.models.call_log import name_of, names_of, words_of
from assistant.models.clients import UnreadableKeyError
from assistant.models.link import Link

_FILTER_CODES = {"content_filter", "content_policy_violation", "invalid_prompt", "PROHIBITED_CONTENT", "SAFETY"}
_QUOTA_CODES = {"insufficient_quota", "billing_hard_limit_reached"}
_LENGTH_CODES = {"context_length_exceeded", "string_above_max_length"}
_MODEL_CODES = {"model_not_found", "model_not_available", "model_deprecated", "DeploymentNotFound"}
_KEY_CODES = {"invalid_api_key", "API_KEY_INVALID", "UNAUTHENTICATED", "PERMISSION_DENIED"}
_LIMIT_CODES = {"rate_limit_exceeded", "RESOURCE_EXHAUSTED"}
# Gemini answers 400 to a bad key, with the reason in the message only. For a retired model Gemini answers 404, and
# OpenAI 404 or 400.
_KEY_PHRASE = re.compile(r"api key not valid|api_key_invalid|incorrect api key", re.IGNORECASE)
_MODEL_PHRASE = re.compile(
    r"model.{0,120}(does not exist|not found|deprecated|retired|no longer available|decommissioned|not supported)",
    re.IGNORECASE | re.DOTALL,
)
# llama.cpp answers 500 if a chat template refuses the history. A retry cannot help.
_TEMPLATE_PHRASE = re.compile(r"jinja exception|raise_exception|roles must alternate", re.IGNORECASE)
_LENGTH_PHRASE = re.compile(r"context (length|window)|too many tokens|maximum.{0,20}tokens", re.IGNORECASE)


TOO_LONG = "This answer is incomplete because it reached the length limit."


class UnreadableAnswerError(Exception):
    """A provider's answer is not in a form that the SDKs can read. The text names the fault, not the content."""


class EmptyAnswerError(ModelError):
    """The model's answer is empty."""

    default_message = "The model gave no answer. Please try again or rephrase your message."


@dataclass(frozen=True)
class Failure:
    """One failed attempt.

    Attributes:
        error: The error for the caller.
        again: The same provider may succeed on a second attempt.
        elsewhere: Another provider may succeed.
        providers_fault: It counts against the provider.
        detail: Status, code and request id, for the log. It has no text of a user or a provider.
        words: The provider's own words, bounded and without keys. They may quote a user.
    """

    error: AssistantError
    again: bool
    elsewhere: bool
    providers_fault: bool
    detail: str
    words: str = ""


def failure_of(error: Exception, link: Link) -> Failure | None:
    """Classify an exception of a model call.

    Args:
        error: The exception of the SDK, the client or the network.
        link: The provider that was called.

    Returns:
        The failure, or `None` if the provider did not cause the exception. A bug must stay visible.
    """
    match error:
        case EmptyAnswerError():
            return Failure(error, again=True, elsewhere=True, providers_fault=False, detail="empty")
        case AssistantError():
            return _judged(error, f"raised={type(error).__name__}")
        case UnreadableKeyError():
            return _judged(_no_key(link), f"key={error}")
        case TimeoutError() | openai.APITimeoutError() | httpx2.TimeoutException():
            return _judged(ModelTimeoutError(), "timeout")
        case openai.APIStatusError():
            detail = f"status={error.status_code} {names_of(error)}"
            return _judged(_from_status(error, link), detail, words_of(error.body or error.message))
        case openai.APIConnectionError() | openai.APIResponseValidationError() | httpx2.HTTPError():
            return _judged(ModelUnavailableError(), type(error).__name__)
        case openai.APIError():
            return _judged(_from_body(error.code, error.body, link), names_of(error), words_of(error.body))
        case ModelBehaviorError() | json.JSONDecodeError() | UnreadableAnswerError():
            # An answer that the SDK cannot read, or a body that is not JSON.
            cause = error.__cause__ or error
            detail = f"malformed={type(cause).__name__}"
            return Failure(ModelError(), again=True, elsewhere=True, providers_fault=False, detail=detail)
        case _:
            return None


def failure_of_event(event: Any, link: Link) -> Failure | None:
    """Classify a Responses event that ends the stream without success. Return `None` for any other event."""
    match event.type:
        case "response.failed":
            reported = getattr(event.response, "error", None)
            code = getattr(reported, "code", None)
            text = getattr(reported, "message", None)
            return _judged(_from_body(code, {"message": text}, link), f"code={name_of(code)}", words_of(text))
        case "error" | "response.error":
            code = getattr(event, "code", None)
            text = getattr(event, "message", None)
            return _judged(_from_body(code, {"message": text}, link), f"code={name_of(code)}", words_of(text))
        case "response.incomplete":
            reason = getattr(getattr(event.response, "incomplete_details", None), "reason", None)
            filtered = reason == "content_filter"
            error = ModelContentFilteredError() if filtered else ModelError(TOO_LONG)
            return _judged(error, f"reason={name_of(reason)}")
        case _:
            return None


def _judged(error: AssistantError, detail: str, words: str = "") -> Failure:
    again = isinstance(error, ModelRateLimitedError | ModelTimeoutError | ModelUnavailableError)
    fault = again or isinstance(error, ModelCredentialsError | ModelNotFoundError | ModelQuotaError)
    # Another provider must not answer what this provider's filter refuses.
    elsewhere = not isinstance(error, ModelContentFilteredError)
    return Failure(error, again=again, elsewhere=elsewhere, providers_fault=fault, detail=detail, words=words)


def _from_status(error: openai.APIStatusError, link: Link) -> AssistantError:
    by_body = _known(error.code, error.body, link)
    if by_body is not None and not isinstance(by_body, ModelRateLimitedError):
        return by_body
    match error.status_code:
        case 429:
            return ModelRateLimitedError(retry_after=retry_after(error.response.headers))
        case 401 | 403:
            return _bad_key(link)
        case 402:
            return ModelQuotaError()
        case 404 | 410:
            return _no_model(link)
        case 408 | 504:
            return ModelTimeoutError()
        case 400 | 413 | 422:
            return ModelRefusedRequestError()
        case _:
            return ModelUnavailableError(retry_after=retry_after(error.response.headers))


def _from_body(code: object, body: object, link: Link) -> AssistantError:
    """Classify an error inside a stream, which has no HTTP status but sometimes one in its body."""
    known = _known(code, body, link)
    if known is not None:
        return known
    match str(code):
        case "429":
            return ModelRateLimitedError()
        case "401" | "403":
            return _bad_key(link)
        case "404":
            return _no_model(link)
        case "400":
            return ModelRefusedRequestError()
        case _:
            return ModelUnavailableError()


def _known(code: object, body: object, link: Link) -> AssistantError | None:
    """Classify by the provider's error code, or by a known phrase in its message."""
    # Gemini wraps the error object in a list, and has `status` where OpenAI has `code`.
    if isinstance(body, list) and body:
        body = body[0]
    fields: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    inner = fields.get("error")
    if isinstance(inner, Mapping):
        fields = inner
    metadata = fields.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("flagged_input"):
        # OpenRouter answers 403 to a message that its moderation refuses.
        return ModelContentFilteredError()
    codes = {str(value) for value in (code, fields.get("code"), fields.get("type"), fields.get("status"))}
    text = str(fields.get("message") or "")
    if codes & _FILTER_CODES:
        return ModelContentFilteredError()
    if codes & _QUOTA_CODES:
        return ModelQuotaError()
    if codes & _LENGTH_CODES or _LENGTH_PHRASE.search(text):
        return ModelRefusedRequestError(
            "This conversation is longer than the model can read. Please start a new conversation.",
            fix="Lower HISTORY_MAX_TOKENS, or choose a model with a longer context.",
        )
    if codes & _KEY_CODES or _KEY_PHRASE.search(text):
        return _bad_key(link)
    if codes & _MODEL_CODES or _MODEL_PHRASE.search(text):
        return _no_model(link)
    if codes & _LIMIT_CODES:
        return ModelRateLimitedError()
    if _TEMPLATE_PHRASE.search(text):
        return ModelRefusedRequestError()
    return None


def _bad_key(link: Link) -> ModelCredentialsError:
    named = f"Check {link.key_setting}." if link.key_setting else "Check the credentials of the link."
    return ModelCredentialsError(fix=f"The provider refuses the key. {named}")


def _no_key(link: Link) -> ModelCredentialsError:
    return ModelCredentialsError(
        fix=f"The provider's key cannot be read. Check {link.key_setting} (on AWS: {link.key_setting}_SECRET)."
    )


def _no_model(link: Link) -> ModelNotFoundError:
    named = f" Set {link.model_setting} to a current model." if link.model_setting else ""
    return ModelNotFoundError(
        fix=f"The model `{link.model_name}` does not exist at `{link.provider}`, or the key has no access to it.{named}"
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the provider asks us to wait, or `None`.

    Reads `retry-after-ms` (OpenAI) and `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
    """
    millis = headers.get("retry-after-ms")
    raw = headers.get("retry-after")
    try:
        if millis is not None:
            return max(0.0, float(millis) / 1000)
        if raw is None:
            return None
        return max(0.0, float(raw))
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(raw or "")
    except ValueError:
        return None
    return max(0.0, at.timestamp() - time.time())
