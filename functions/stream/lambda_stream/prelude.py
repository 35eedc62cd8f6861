"""The prelude: status, headers and cookies as the JSON that opens a streamed HTTP response."""

from __future__ import annotations

from collections.abc import Iterable
from json.encoder import encode_basestring

MAX_PRELUDE = 16 * 1024
"""Bytes of a prelude with its delimiter. Lambda refuses a longer one, and by then the response has begun."""
DELIMITER = bytes(8)
NO_BODY_STATUSES = frozenset({204, 304})

# Lambda's HTTP endpoint frames the response itself: what describes the hop to it is not the client's business.
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
    """A response start that cannot become a prelude."""


def prelude(status: int, headers: Iterable[Iterable[bytes]]) -> bytes:
    """Build the prelude of a response.

    Args:
        status: the HTTP status.
        headers: pairs of name and value as ASGI gives them.

    Returns:
        The JSON followed by its delimiter, 8 NUL bytes.

    Raises:
        PreludeError: a header has a line break or a NUL, or all of them are too long together.
    """
    plain: dict[str, str] = {}
    cookies: list[str] = []
    for raw_name, raw_value in headers:
        name = raw_name.lower()
        if name in DROPPED:
            continue
        if b"\n" in raw_value or b"\r" in raw_value or b"\0" in raw_value:
            raise PreludeError(f"the value of the response header {name!r} has a line break or a NUL")
        text = raw_value.decode("latin-1")
        if name == b"set-cookie":
            cookies.append(text)
            continue
        key = name.decode("latin-1")
        plain[key] = f"{plain[key]}, {text}" if key in plain else text
    # Text as it is, without spaces: byte for byte what JSON.stringify makes of the same prelude.
    members = ",".join([f"{encode_basestring(key)}:{encode_basestring(text)}" for key, text in plain.items()])
    document = f'{{"statusCode":{status:d},"headers":{{{members}}}'
    if cookies:
        document += f',"cookies":[{",".join(map(encode_basestring, cookies))}]'
    encoded = f"{document}}}".encode() + DELIMITER
    if len(encoded) > MAX_PRELUDE:
        raise PreludeError(f"the response headers make a prelude of {len(encoded)} bytes, above {MAX_PRELUDE}")
    return encoded
