"""Turn a Lambda event into an ASGI scope and a body.

Function URLs send payload version 2.0, REST APIs version 1.0, and HTTP APIs either of them. The mapping is that of
Mangum 0.22, except for the differences in tests/unit/stream/test_events.py.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlencode

Scope = dict[str, Any]
Headers = list[tuple[bytes, bytes]]

ASGI_VERSION = {"version": "3.0", "spec_version": "2.4"}
"""Version 2.4 means that `send` raises OSError if the response cannot be delivered."""
PATH_CHARACTERS = "/%:@!$&'()*+,;=~-._"
"""Characters that stay unencoded in a path (RFC 3986), and the percent sign of encoded characters."""
KEPT = 128
"""The number of cached paths and servers. A function has only a few."""
DEFAULT_PORTS = {"http": 80, "https": 443}
PORT_DIGITS = 5


class UnsupportedEvent(Exception):
    """The event is not an HTTP request, or cannot be read."""


def http_request(event: object) -> tuple[Scope, bytes]:
    """Return the request's scope and body. The scope has no `aws.event`, `aws.context` and `state` yet.

    Raises:
        UnsupportedEvent: The event is not an HTTP request of a function URL, an HTTP API or a REST API.
    """
    if not isinstance(event, dict):
        raise UnsupportedEvent(f"The event is no JSON object but {_kind(event)}")
    request = event.get("requestContext")
    if not isinstance(request, dict):
        raise UnsupportedEvent(f"The event is no HTTP request; {_keys(event)}")
    try:
        if "methodArn" in event or "routeArn" in event:
            raise UnsupportedEvent("Events of an API Gateway authorizer are not supported: their answer is a policy")
        if event.get("version") == "2.0" and isinstance(request.get("http"), dict):
            scope = _version_2(event, request, request["http"])
        elif "httpMethod" in event and "elb" not in request:
            scope = _version_1(event, request)
        else:
            raise UnsupportedEvent(_refusal(event, request))
        return scope, _body(event)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnsupportedEvent(f"The HTTP event cannot be read: {type(error).__name__}: {error}") from error


def _version_2(event: Mapping[str, Any], request: Mapping[str, Any], http: Mapping[str, Any]) -> Scope:
    # By lower-case name. If a name occurs in two spellings, the last one wins.
    single = event.get("headers") or {}
    named = dict(zip(map(str.encode, map(str.lower, single)), map(str.encode, single.values()), strict=True))
    cookies = event.get("cookies")
    if cookies:
        # The event has the cookies in a separate field. A cookie header would repeat them.
        named.pop(b"cookie", None)
        named[b"cookie"] = "; ".join(cookies).encode()
    return _scope(
        method=http["method"],
        path=http["path"],
        raw_path=event.get("rawPath") or http["path"],
        query=(event.get("rawQueryString") or "").encode(),
        headers=list(named.items()),
        named=named,
        source_ip=http.get("sourceIp"),
        domain=request.get("domainName"),
    )


def _version_1(event: Mapping[str, Any], request: Mapping[str, Any]) -> Scope:
    single = {name.lower(): [value] for name, value in (event.get("headers") or {}).items()}
    many = {name.lower(): list(values or ()) for name, values in (event.get("multiValueHeaders") or {}).items()}
    headers: Headers = []
    named: dict[bytes, bytes] = {}
    for name, values in {**single, **many}.items():
        named[name.encode()] = ", ".join(values).encode()
        # Frameworks read one cookie header. RFC 6265 joins cookies with a semicolon.
        joined = ["; ".join(values)] if name == "cookie" else values
        headers += [(name.encode(), value.encode()) for value in joined]
    query = event.get("multiValueQueryStringParameters") or event.get("queryStringParameters") or {}
    return _scope(
        method=event["httpMethod"],
        path=event["path"],
        raw_path=event["path"],
        query=urlencode(query, doseq=True).encode(),
        headers=headers,
        named=named,
        source_ip=(request.get("identity") or {}).get("sourceIp"),
        domain=request.get("domainName"),
    )


def _scope(
    *,
    method: str,
    path: str,
    raw_path: str,
    query: bytes,
    headers: Headers,
    named: Mapping[bytes, bytes],
    source_ip: str | None,
    domain: str | None,
) -> Scope:
    scheme, server = _server(
        named.get(b"x-forwarded-proto"), named.get(b"host"), named.get(b"x-forwarded-port"), domain
    )
    path, encoded_path = _paths(path, raw_path)
    return {
        "type": "http",
        "asgi": ASGI_VERSION,
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "path": path,
        "raw_path": encoded_path,
        "root_path": "",
        "query_string": query,
        "headers": headers,
        "server": server,
        "client": None if source_ip is None else (source_ip, 0),
    }


@lru_cache(maxsize=KEPT)
def _paths(path: str, raw_path: str) -> tuple[str, bytes]:
    """Return the decoded and the encoded path."""
    return unquote(path) or "/", quote(raw_path or "/", safe=PATH_CHARACTERS).encode("ascii")


@lru_cache(maxsize=KEPT)
def _server(
    proto: bytes | None, host: bytes | None, port: bytes | None, domain: str | None
) -> tuple[str, tuple[str, int]]:
    """Return the scheme, and the server's name and port, from the headers."""
    scheme = "https" if proto is None else proto.decode()
    name, own_port = _host_and_port((host or b"").decode() or domain or "lambda")
    if own_port is None:
        # A client may have written the header, so anything else than a port is ignored.
        text = (port or b"").decode()
        own_port = int(text) if _is_port(text) else DEFAULT_PORTS.get(scheme, 443)
    return scheme, (name, own_port)


def _host_and_port(host: str) -> tuple[str, int | None]:
    name, colon, port = host.rpartition(":")
    # "[::1]" has colons but no port.
    if colon and _is_port(port) and not name.endswith(":"):
        return name, int(port)
    return host, None


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= PORT_DIGITS


def _body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not body:
        return b""
    if event.get("isBase64Encoded"):
        try:
            return base64.b64decode(body)
        except binascii.Error as error:
            raise UnsupportedEvent(f"The HTTP event's body is not the base64 that it says it is: {error}") from None
    return str(body).encode()


def _refusal(event: Mapping[str, Any], request: Mapping[str, Any]) -> str:
    if "connectionId" in request:
        return "WebSocket events are not supported: a streamed response belongs to one HTTP request"
    if "elb" in request:
        return "Events of an Application Load Balancer are not supported: it does not stream from Lambda"
    return f"The event is no HTTP request of a function URL, an HTTP API or a REST API; {_keys(event)}"


def _keys(event: Mapping[str, Any]) -> str:
    # Only the names, because values may be secrets.
    return f"its keys are {sorted(str(key) for key in event)[:12]}"


def _kind(event: object) -> str:
    return "null" if event is None else type(event).__name__
