"""Map a provider's failures to our errors, and tell whether a retry or another provider can help.

A user never reads a provider's own text: a body can quote the prompt, and a message can show part of a key. The module
reads the status, the code and a few known phrases. `assistant.models.call_log` decides what the log gets.
"""

from __future__ import annotations

import email.utils
import enum
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx2
import openai
from agents.exceptions import ModelBehaviorError

from assistant.errors import (
    AssistantError,
    LengthLimitError,
    ModelContentFilteredError,
    ModelCredentialsError,
    ModelError,
    ModelNotFoundError,
    ModelQuotaError,
    ModelRateLimitedError,
    ModelRefusedRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RequestTooLongError,
)
from assistant.models.call_log import name_of, names_of, words_of
from assistant.models.clients import UnreadableKeyError
from assistant.models.link import Link
from assistant.models.reported import Report, bad_key, classified, no_model, too_long


class UnreadableAnswerError(Exception):
    """A provider's answer is not in a form that the SDKs can read. The text names the fault, not the content."""


class EmptyAnswerError(ModelError):
    """The model's answer is empty."""

    default_message = "The model gave no answer. Please try again or rephrase your message."


class Blame(enum.Enum):
    """Tells whether a file in the request caused its failure."""

    YES = enum.auto()
    MAYBE = enum.auto()
    NO = enum.auto()


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
        files: Whether a file caused the failure, if the request has one.
    """

    error: AssistantError
    again: bool
    elsewhere: bool
    providers_fault: bool
    detail: str
    words: str = ""
    files: Blame = Blame.NO

    def with_files(self) -> Failure:
        """Return the failure of a request that has files: the provider refuses a file if the report points at one."""
        if self.files is not Blame.YES:
            return self
        error = self.error if isinstance(self.error, ModelRefusedRequestError) else ModelRefusedRequestError()
        return replace(self, error=error, again=False, providers_fault=False)


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
            return Failure(error, again=True, elsewhere=True, providers_fault=False, detail="empty", files=Blame.MAYBE)
        case AssistantError():
            return _judged(error, f"raised={type(error).__name__}")
        case UnreadableKeyError():
            return _judged(_no_key(link), f"key={error}")
        case TimeoutError() | openai.APITimeoutError() | httpx2.TimeoutException():
            return _judged(ModelTimeoutError(), "timeout")
        case openai.APIStatusError():
            detail = f"status={error.status_code} {names_of(error)}"
            report = Report.of(error.code, error.body, error.status_code, error.request)
            found = _from_status(error, report, link)
            words = words_of(error.body or error.message, error.request)
            return _judged(found, detail, words, _blame(found, report, link))
        case openai.APIConnectionError() | openai.APIResponseValidationError() | httpx2.HTTPError():
            return _judged(ModelUnavailableError(), type(error).__name__, words_of(str(error.__cause__ or error)))
        case openai.APIError():
            words = words_of(error.body, error.request)
            return _reported(Report.of(error.code, error.body), link, names_of(error), words)
        case ModelBehaviorError() | json.JSONDecodeError() | UnreadableAnswerError():
            # An answer that the SDK cannot read, or a body that is not JSON.
            cause = error.__cause__ or error
            detail = f"malformed={type(cause).__name__}"
            return Failure(
                ModelError(), again=True, elsewhere=True, providers_fault=False, detail=detail, files=Blame.MAYBE
            )
        case _:
            return None


def failure_of_event(event: Any, link: Link) -> Failure | None:
    """Classify a Responses event that ends the stream without success. Return `None` for any other event."""
    match event.type:
        case "response.failed":
            reported = getattr(event.response, "error", None)
            code = getattr(reported, "code", None)
            text = getattr(reported, "message", None)
            return _reported(Report.of(code, text), link, f"code={name_of(code)}", words_of(text))
        case "error" | "response.error":
            code = getattr(event, "code", None)
            text = getattr(event, "message", None)
            return _reported(Report.of(code, text), link, f"code={name_of(code)}", words_of(text))
        case "response.incomplete":
            reason = getattr(getattr(event.response, "incomplete_details", None), "reason", None)
            filtered = reason == "content_filter"
            error = ModelContentFilteredError() if filtered else LengthLimitError()
            return _judged(error, f"reason={name_of(reason)}")
        case _:
            return None


def _judged(error: AssistantError, detail: str, words: str = "", files: Blame | None = None) -> Failure:
    again = isinstance(error, ModelRateLimitedError | ModelTimeoutError | ModelUnavailableError)
    fault = again or isinstance(error, ModelCredentialsError | ModelNotFoundError | ModelQuotaError)
    # Another provider must not answer what this provider's filter refuses.
    elsewhere = not isinstance(error, ModelContentFilteredError)
    if files is None:
        # Without a report: a server may close the connection, or not answer, when it cannot read a file.
        files = Blame.MAYBE if isinstance(error, ModelTimeoutError | ModelUnavailableError) else Blame.NO
    return Failure(error, again, elsewhere, fault, detail, words, files)


def _reported(report: Report, link: Link, detail: str, words: str) -> Failure:
    """Classify an error inside a stream, which has no HTTP status but sometimes one as its code."""
    error = classified(report, link)
    if error is None:
        if report.codes & {"401", "403"}:
            error = bad_key(link)
        elif "404" in report.codes:
            error = no_model(link)
        elif "413" in report.codes:
            error = too_long()
        elif report.codes & {"400", "422"}:
            error = ModelRefusedRequestError()
        else:
            error = ModelUnavailableError()
    return _judged(error, detail, words, _blame(error, report, link))


def _from_status(error: openai.APIStatusError, report: Report, link: Link) -> AssistantError:
    named = classified(report, link)
    if named is not None and not isinstance(named, ModelRateLimitedError):
        return named
    match error.status_code:
        case 429:
            return ModelRateLimitedError(retry_after=retry_after(error.response.headers))
        case 401 | 403:
            return bad_key(link)
        case 402:
            return ModelQuotaError()
        case 404 | 410:
            return no_model(link)
        case 408 | 504:
            return ModelTimeoutError()
        case 413:
            return too_long()
        case 400 | 422:
            return ModelRefusedRequestError()
        case _:
            return ModelUnavailableError(retry_after=retry_after(error.response.headers))


def _blame(error: AssistantError, report: Report, link: Link) -> Blame:
    """Tell whether a file caused a failure that the provider reports."""
    if "401" in report.codes:
        return Blame.NO
    match error:
        case ModelContentFilteredError() | RequestTooLongError() | ModelQuotaError() | ModelRateLimitedError():
            return Blame.NO
        case _ if "415" in report.codes or report.points_at_file():
            return Blame.YES
        case ModelCredentialsError() | ModelNotFoundError() if classified(report, link) is not None:
            return Blame.NO
        case _:
            return Blame.MAYBE


def _no_key(link: Link) -> ModelCredentialsError:
    return ModelCredentialsError(
        fix=f"The provider's key cannot be read. Check {link.key_setting} (on AWS: {link.key_setting}_SECRET)."
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
