"""The prelude: the JSON with status, headers and cookies at the start of a streamed HTTP response."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from json.encoder import encode_basestring

MAX_PRELUDE = 16 * 1024
"""The maximum size of a prelude with its delimiter. Lambda refuses a longer one when the response has started."""
DELIMITER = bytes(8)
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
"""A header's name in lower case (RFC 9110, 5.6.2)."""
NO_BODY_STATUSES = frozenset({204, 304})
KEPT_HEADERS = 128
"""The number of cached headers. An app has only a few."""

# Headers that describe only the connection to Lambda. Lambda's HTTP endpoint sets its own.
DROPPED = frozenset(
    {
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


class PreludeError(ValueError):
    """A status or header that cannot be part of a prelude."""


def prelude(status: int, headers: Iterable[Iterable[bytes]]) -> bytes:
    """Build the prelude of a response.

    Args:
        status: the HTTP status.
        headers: pairs of name and value from ASGI.

    Returns:
        The JSON followed by its delimiter, 8 NUL bytes.

    Raises:
        PreludeError: the status or a header is not valid, a header has a line break or a NUL, or the headers are
            too long.
    """
    if not isinstance(status, int) or not 200 <= status <= 999:
        raise PreludeError(f"{status!r} is no status of a response")
    plain: dict[str, str] = {}
    cookies: list[str] = []
    hop_by_hop: set[bytes] = set()
    for raw_name, raw_value in headers:
        name = raw_name.lower()
        if name in DROPPED:
            if name == b"connection":
                # It names headers for this connection only (RFC 9110, 7.6.1).
                hop_by_hop.update(token.strip() for token in raw_value.lower().split(b","))
        elif name == b"set-cookie":
            # Not cached, because a cookie may be a secret.
            cookies.append(f'"{_read(name, raw_value)[1]}"')
        else:
            key, text = _read_or_remember(name, bytes(raw_value))
            plain[key] = f"{plain[key]}, {text}" if key in plain else text
    for name in hop_by_hop:
        plain.pop(name.decode("latin-1"), None)
    # Without spaces: byte for byte the same as JSON.stringify's output.
    members = ",".join([f'"{key}":"{text}"' for key, text in plain.items()])
    document = f'{{"statusCode":{status:d},"headers":{{{members}}}'
    if cookies:
        document += f',"cookies":[{",".join(cookies)}]'
    encoded = f"{document}}}".encode() + DELIMITER
    if len(encoded) > MAX_PRELUDE:
        raise PreludeError(f"the response headers make a prelude of {len(encoded)} bytes, above {MAX_PRELUDE}")
    return encoded


def _read(name: bytes, value: bytes) -> tuple[str, str]:
    """Return a header's lower-case name, and its value escaped for JSON."""
    if _NAME.fullmatch(name) is None:
        raise PreludeError(f"{name!r} is no name of a response header")
    if b"\n" in value or b"\r" in value or b"\0" in value:
        raise PreludeError(f"the value of the response header {name!r} has a line break or a NUL")
    return name.decode("latin-1"), encode_basestring(value.decode("latin-1"))[1:-1]


_read_or_remember = lru_cache(maxsize=KEPT_HEADERS)(_read)
