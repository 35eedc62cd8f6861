"""The size of an answer as Lambda counts it. Lambda gets the answer as a JSON string inside another JSON text."""

from __future__ import annotations

import json

# Lambda's limit is 6,291,556 bytes; the rest is for headers and the JSON around them.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ANSWER_BYTES = 6_000_000
# In JSON and server-sent events, escaping makes at most two bytes of one: quotes, backslashes, newlines.
_ESCAPED_BYTES = 2


def answer_size(text: str) -> int:
    """Return how many bytes a text takes inside a Lambda answer."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def fits(body: bytes, most: int) -> bool:
    """Tell whether a body of JSON or server-sent events takes at most `most` bytes inside a Lambda answer."""
    quotes = 2
    return len(body) * _ESCAPED_BYTES + quotes <= most or answer_size(body.decode()) <= most
