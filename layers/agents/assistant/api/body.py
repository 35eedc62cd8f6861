"""Read a request's body up to a size limit, and parse it as a JSON object."""

from __future__ import annotations

import json
import math
import re
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from pydantic_core import from_json

from assistant.errors import InvalidRequestError, TooLargeError

# Lambda's limit on a synchronous invocation.
MAX_BODY_BYTES = 6 * 1024 * 1024
# Matches a number that may exceed a float's range, which `from_json` turns into infinity. May match inside a string.
_MAY_BE_INFINITE = re.compile(rb"\d[eE]\+?\d{3}|\d{300}\.")


async def limited_stream(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """Yield the body's chunks.

    Raises:
        TooLargeError: The body exceeds `limit` bytes. If Content-Length says so, nothing is read.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit:
        raise TooLargeError
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLargeError
        yield chunk


async def read_object(request: Request) -> dict[str, Any]:
    """Return the body's JSON object.

    Raises:
        InvalidRequestError: The body is compressed, or not a JSON object, or nested too deeply. Also for NaN, for a
            number beyond a float's range and for half a surrogate pair.
        TooLargeError: The body exceeds 6 MB.
    """
    body = b"".join([chunk async for chunk in limited_stream(request, MAX_BODY_BYTES)])
    try:
        parsed = from_json(body, allow_inf_nan=False)
        if _MAY_BE_INFINITE.search(body):
            json.loads(body, parse_float=_finite)
    except ValueError:
        packed = request.headers.get("content-encoding", "identity") != "identity"
        raise InvalidRequestError(f"The body is {'compressed' if packed else 'not valid JSON'}.") from None
    if not isinstance(parsed, dict):
        raise InvalidRequestError("The body must be a JSON object.")
    return parsed


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is out of range")
    return number
