"""How large an answer is where Lambda counts it: as one JSON string inside another JSON text."""

from __future__ import annotations

import json

# What Lambda carries back at once is 6,291,556 bytes; the rest is for headers and what is around them.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ANSWER_BYTES = 6_000_000
# Of JSON and of server-sent events a byte becomes two at the most: quotes, backslashes, newlines.
_ESCAPED_BYTES = 2


def answer_size(text: str) -> int:
    """Return the bytes of a text inside a Lambda answer."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def fits(body: bytes, most: int) -> bool:
    """Tell whether a body of JSON or of server-sent events takes at most so many bytes inside a Lambda answer."""
    quotes = 2
    return len(body) * _ESCAPED_BYTES + quotes <= most or answer_size(body.decode()) <= most
