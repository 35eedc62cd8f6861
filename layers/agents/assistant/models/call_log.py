"""Log failed model calls: status, code, request id, the request's settings, the setting to change, and the words.

The provider's own words can quote the prompt and part of a key. So they are bounded, keys are removed, and
`LOG_CONTENT` must allow them. The dev server always shows them, without the parts of the request that they repeat.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from assistant import failures
from assistant.models.quoted import repeats, without_request
from assistant.observability import texts_allowed

if TYPE_CHECKING:
    import httpx2
    import openai

    from assistant.models.failures import Failure
    from assistant.models.link import Link

logger = logging.getLogger(__name__)

# Characters of a provider's words in one log line: enough for any sentence, too few for a prompt.
MAX_LOGGED_WORDS = 500
WITHHELD = "[left out: they repeat the request. LOG_CONTENT allows them]"
# A code, a type or a path into the request, such as `messages[3].content`.
_NAME = re.compile(r"[\w.:\[\]/-]{1,80}")


def name_of(value: object) -> str:
    """Return a code or another name of a provider. A sentence in its place is left out."""
    text = str(value)
    return text if _NAME.fullmatch(text) and failures.without_keys(text) == text else "unreadable"


def names_of(error: openai.APIError) -> str:
    """Return an error's code, type, parameter and request id."""
    request = getattr(error, "request_id", None)
    named = {"code": error.code, "type": error.type, "param": error.param, "request": request}
    known = [f"{key}={name_of(value)}" for key, value in named.items() if value is not None]
    return " ".join(known) or "reported in the stream"


def words_of(body: object, request: httpx2.Request | None = None) -> str:
    """Return the start of a provider's own words, without anything that looks like a key.

    Args:
        body: The provider's report.
        request: The refused request, if it is known. Without `LOG_CONTENT`, what the words repeat of it is left out,
            and they are left out wholly if they repeat it in another form.
    """
    if body is None:
        return ""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    text = failures.without_keys(text[: 2 * MAX_LOGGED_WORDS])
    if not texts_allowed():
        text = without_request(text, request)
        if request is not None and repeats(text, request):
            return WITHHELD
    return text[:MAX_LOGGED_WORDS]


def log_failed_call(
    link: Link, failure: Failure, *, attempt: int = 1, shown: bool = False, request: Mapping[str, object] | None = None
) -> None:
    """Log one failed attempt.

    Args:
        link: The provider that was called.
        failure: The failure.
        attempt: The number of the attempt at this provider.
        shown: Whether the client has seen output already.
        request: The settings of the request, see `assistant.models.request_settings`.
    """
    line: dict[str, object] = {
        "provider": link.provider,
        "model": link.model_name,
        "error_code": failure.error.code,
        "attempt": attempt,
        "shown": shown,
        "detail": failure.detail,
    }
    if failure.error.fix is not None:
        line["fix"] = failure.error.fix
    if failure.words and failures.messages_shown():
        line["words"] = failure.words
    if request:
        line["request"] = dict(request)
    logger.warning("model call failed", extra=line)
    failures.pass_on(failures.Failure("model call failed", failure.error.code, details=line))
