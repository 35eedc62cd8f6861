"""Log failed model calls: status, code, request id, the setting to change, and the provider's own words if allowed.

The words can quote the prompt and part of a key. So they are bounded, keys are removed, and `LOG_CONTENT` must allow
them.
"""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING

from assistant.observability import texts_allowed

if TYPE_CHECKING:
    import openai

    from assistant.models.failures import Failure
    from assistant.models.link import Link

logger = logging.getLogger(__name__)

# Characters of a provider's words in one log line: enough for any sentence, too few for a prompt.
MAX_LOGGED_WORDS = 500
# A code, a type or a path into the request, such as `messages[3].content`.
_NAME = re.compile(r"[\w.:\[\]/-]{1,80}")
# Keys of providers, and tokens of sign-in services.
_KEY_LIKE = re.compile(r"\b(sk|rk|pk|gsk|xai|hf|nvapi|AIza|AKIA|eyJ)[-_]?[\w*.-]{2,}|(?<=earer )\S+")


def name_of(value: object) -> str:
    """Return a code or another name of a provider. A sentence in its place is left out."""
    text = str(value)
    return text if _NAME.fullmatch(text) and not _KEY_LIKE.search(text) else "unreadable"


def names_of(error: openai.APIError) -> str:
    """Return an error's code, type, parameter and request id."""
    request = getattr(error, "request_id", None)
    named = {"code": error.code, "type": error.type, "param": error.param, "request": request}
    known = [f"{key}={name_of(value)}" for key, value in named.items() if value is not None]
    return " ".join(known) or "reported in the stream"


def words_of(body: object) -> str:
    """Return the start of a provider's own words, without anything that looks like a key."""
    if body is None:
        return ""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, default=str)
    return _KEY_LIKE.sub("[removed]", text[: 2 * MAX_LOGGED_WORDS])[:MAX_LOGGED_WORDS]


def log_failed_call(link: Link, failure: Failure, *, attempt: int = 1, shown: bool = False) -> None:
    """Log one failed attempt.

    Args:
        link: The provider that was called.
        failure: The failure.
        attempt: The number of the attempt at this provider.
        shown: Whether the client has seen output already.
    """
    line = {
        "provider": link.provider,
        "model": link.model_name,
        "error_code": failure.error.code,
        "attempt": attempt,
        "shown": shown,
        "detail": failure.detail,
    }
    if failure.error.fix is not None:
        line["fix"] = failure.error.fix
    if failure.words and texts_allowed():
        line["words"] = failure.words
    logger.warning("model call failed", extra=line)
