"""Remove from a provider's words what they quote of the request: a user's text is no reason for a refusal.

Servers such as FastAPI's answer with a part of the request. Without this, a message about missing tools would teach the
process that the server has none.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from typing import Any
from urllib.parse import unquote

import httpx2

# A shorter text of a request can stand in a provider's words by chance.
SHORTEST_QUOTE = 16
# Letters and digits of a request in another form, such as capitals. It is less than a quote, whose spaces count.
SHORTEST_TRACE = 13
# The newest texts are the ones that a server quotes. More would take seconds to compare.
MAX_COMPARED_CHARACTERS = 200_000
# Some servers repeat the request after the reason.
_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|[nrt])")
_REPEATED_REQUEST = re.compile(r"[;,]? *messages ?= ?\[")


def without_request(words: str, request: httpx2.Request | None = None) -> str:
    """Return the words of an error without the parts of the request that they repeat.

    Args:
        words: The words, bounded.
        request: The refused request, if it is known.
    """
    words = _REPEATED_REQUEST.split(words, maxsplit=1)[0]
    return words if request is None else _without(words, _texts_of(request))


def repeats(words: str, request: httpx2.Request) -> bool:
    """Tell whether the words of an error repeat the request in another form: in capitals, with escapes or as HTML.

    Args:
        words: The words, bounded.
        request: The refused request.
    """
    said = _plain(words)
    given = _plain(_texts_of(request))
    return any(said[at : at + SHORTEST_TRACE] in given for at in range(len(said) - SHORTEST_TRACE + 1))


def _plain(text: str) -> str:
    """Return the letters and digits of a text, without escapes and capitals."""
    text = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)) if found[1] or found[2] else " ", text)
    text = unicodedata.normalize("NFKC", unquote(html.unescape(text))).casefold()
    return "".join(filter(str.isalnum, text))


def _without(words: str, text: str) -> str:
    known = {text[at : at + SHORTEST_QUOTE] for at in range(len(text) - SHORTEST_QUOTE + 1)}
    kept, at = [], 0
    while at < len(words):
        length = 0
        while words[at + length : at + length + SHORTEST_QUOTE] in known:
            length += 1
        if length:
            at += length + SHORTEST_QUOTE - 1
            kept.append("…")
        else:
            kept.append(words[at])
            at += 1
    return "".join(kept)


def _texts_of(request: httpx2.Request) -> str:
    """Return what users, models and tools have written into a request, the newest first and bounded."""
    try:
        body = json.loads(request.content)
    except (ValueError, RecursionError, httpx2.RequestNotRead):
        # A recording is sent as a stream, and nothing keeps its bytes.
        return ""
    given = (body.get("messages") or body.get("input")) if isinstance(body, dict) else None
    found: list[str] = []
    left = MAX_COMPARED_CHARACTERS
    waiting: list[Any] = [given]
    while waiting and left > 0:
        match waiting.pop():
            case {"role": "system" | "developer"}:
                pass
            case dict() as fields:
                waiting += fields.values()
            case list() as parts:
                waiting += parts
            case str() as text if not text.startswith("data:"):
                found.append(text[:left])
                left -= len(text)
            case _:
                pass
    return "\n".join(found)
