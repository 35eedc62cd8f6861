"""Raise the error that a server reports inside an answer."""

from __future__ import annotations

from typing import Any

import httpx2
from openai import APIError


def raise_error(part: dict[str, Any]) -> None:
    """Raise the error that a chunk, a choice or a whole answer reports.

    Raises:
        APIError: it reports one.
    """
    if part.get("error"):
        raise reported(part["error"])
    if part.get("object") == "error" or part.get("type") == "error":
        raise reported(part)


def reported(error: Any) -> APIError:
    """Return an error object of a server as an exception."""
    message = str(error.get("message")) if isinstance(error, dict) else str(error)
    request = httpx2.Request("POST", "http://provider.invalid")
    return APIError(message, request, body=error if isinstance(error, dict) else {"message": message})
