"""Events of function URLs and of API Gateway whose every part that a client writes is odd."""

from __future__ import annotations

import base64
from typing import Any

from hypothesis import strategies as st

from tests.support.access import ROUTES
from tests.support.lambda_events import function_url_event, rest_api_event

HEADER_NAMES = (
    "accept",
    "accept-language",
    "authorization",
    "x-authorization",
    "chatkit-frame-instance-id",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "idempotency-key",
    "Idempotency-Key",
    "if-none-match",
    "origin",
    "range",
    "sec-fetch-site",
    "traceparent",
    "transfer-encoding",
    "x-amzn-trace-id",
    "x-forwarded-for",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-http-method-override",
    "access-control-request-method",
)
HEADER_VALUES = (
    "",
    " ",
    "*",
    "\t",
    "-1",
    "99999999999999999999999999",
    "٣",
    "a" * 9_000,
    "ä😀",
    "a\r\nx-injected: 1",
    "\x00",
    "application/json; charset=utf-7",
    "gzip, br",
    "chunked",
    "Bearer",
    "Bearer ",
    "bearer a.b.c",
    "Bearer eyJhbGciOiJub25lIn0.e30.",
    "Bearer " + "A" * 20_000,
    "Basic Og==",
    "cross-site",
    "https://evil.example",
    "null",
    "de;q=0.x, ,;;en-" + "x" * 300,
    'a=b; a="; __Host-chatkit-visitor=\x01; =; ;',
    "[::1]:x:y",
    "a:b:c",
    "POST",
)
PATH_PARTS = ("", ".", "..", "%2e%2e", "%00", "%ff", "%25%32%65", "%", "%zz", "ä", "😀", "\\", ";x=1", "a" * 3_000, "#")
METHODS = ("PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW", "get", "", "TRACE", *("GET",) * 3, *("POST",) * 24)

paths = st.sampled_from(sorted({route.name.partition(" ")[2] for route in ROUTES if not route.is_operation}))
queries = st.sampled_from(
    ("", "query=a", "query=" + "a" * 5_000, "%", "a=%ff&a", "user_id=%00", "&&==", "query=%F0%9F", "?")
)


@st.composite
def odd_paths(draw: st.DrawFn) -> str:
    """Return a path of the API, with zero to two odd parts."""
    path = draw(st.sampled_from(("/chatkit/api",)) | paths)
    for _ in range(draw(st.sampled_from((0, 0, 0, 1, 2)))):
        path += "/" + draw(st.sampled_from(PATH_PARTS) | st.text(max_size=5))
    return path


@st.composite
def events(draw: st.DrawFn, body: bytes, content_type: str, path: str) -> dict[str, Any]:
    """Return an event with that body, of either payload version. Some events are odd beside their body."""
    headers, method, query, cookies = {"content-type": content_type}, "POST", "", None
    if draw(st.sampled_from((True, False, False))):
        path = draw(st.just(path) | st.just(path) | st.just(path) | odd_paths())
        method, query = draw(st.sampled_from(METHODS)), draw(queries)
        chosen = st.sampled_from(HEADER_VALUES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
        headers |= draw(st.dictionaries(st.sampled_from(HEADER_NAMES), chosen, max_size=4))
        cookies = draw(st.none() | st.lists(chosen, max_size=3))
    encoded = draw(st.booleans())
    try:
        text = base64.b64encode(body).decode() if encoded else body.decode()
    except UnicodeDecodeError:
        text, encoded = base64.b64encode(body).decode(), True
    if draw(st.integers(0, 2)):
        return function_url_event(
            path, method=method, query=query, headers=headers, cookies=cookies, body=text, is_base64=encoded
        )
    many = {name: [value] for name, value in headers.items()}
    return rest_api_event(path, method=method, headers=many, body=text, is_base64=encoded)
