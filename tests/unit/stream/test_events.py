"""Events become scopes as in Mangum, except for the differences that are listed here."""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mangum.handlers.api_gateway import APIGateway, HTTPGateway
from mangum.types import LambdaConfig

from lambda_stream.events import UnsupportedEvent, http_request
from tests.support.lambda_events import function_url_event, rest_api_event

CONFIG: LambdaConfig = {"api_gateway_base_path": "/", "text_mime_types": [], "exclude_headers": []}

OURS_ALONE = {"raw_path", "asgi", "aws.event", "aws.context"}
"""Mangum has no raw path, claims ASGI 2.0 and adds the event and the context at this place already."""

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
paths = st.lists(texts.map(lambda text: quote(text, safe="")) | texts, max_size=4).map(lambda p: "/" + "/".join(p))
methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
names = st.sampled_from(["accept", "Accept-Language", "x-a", "X-B", "x-forwarded-port", "Cookie", "content-type"])
hosts = st.sampled_from(["abc.on.aws", "localhost:8080", "127.0.0.1", "example.com:443"])
ports = st.integers(1, 65_535).map(str)
queries = st.lists(st.tuples(texts, texts), max_size=4).map(
    lambda qs: "&".join(f"{quote(a)}={quote(b)}" for a, b in qs)
)
bodies = st.none() | st.tuples(texts, st.booleans())


@st.composite
def version_2_events(draw: st.DrawFn) -> dict[str, Any]:
    headers = draw(st.dictionaries(names, texts, max_size=5))
    if "x-forwarded-port" in headers:
        headers["x-forwarded-port"] = draw(ports)
    event = function_url_event(
        draw(paths),
        method=draw(methods),
        query=draw(queries),
        headers={**headers, "host": draw(hosts)},
        cookies=draw(st.lists(st.sampled_from(["a=1", "b=2", "c=ä"]), max_size=3)) or None,
    )
    _put_body(draw, event)
    return event


@st.composite
def version_1_events(draw: st.DrawFn) -> dict[str, Any]:
    headers = draw(st.dictionaries(names, st.lists(texts, min_size=1, max_size=3), max_size=5))
    if "x-forwarded-port" in headers:
        headers["x-forwarded-port"] = [draw(ports)]
    event = rest_api_event(
        draw(paths),
        method=draw(methods),
        query=draw(st.none() | st.dictionaries(texts, st.lists(texts, min_size=1, max_size=3), max_size=3)) or None,
        headers={**headers, "Host": [draw(hosts)]},
    )
    if draw(st.booleans()):
        del event["multiValueHeaders"]
    if draw(st.booleans()):
        event["multiValueQueryStringParameters"] = None
    if draw(st.booleans()):
        event["version"] = "1.0"
    _put_body(draw, event)
    return event


def _put_body(draw: st.DrawFn, event: dict[str, Any]) -> None:
    body = draw(bodies)
    if body is not None:
        text, as_base64 = body
        event["body"] = base64.b64encode(text.encode()).decode() if as_base64 else text
        event["isBase64Encoded"] = as_base64


def mangum(event: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    handler = HTTPGateway if "version" in event else APIGateway
    mapped = handler(event, None, CONFIG)  # type: ignore[arg-type]  # Mangum needs no context here
    return dict(mapped.scope), mapped.body


def comparable(scope: dict[str, Any]) -> dict[str, Any]:
    """One header line a name, in any order: we keep repeated ones apart, Mangum joins them with a comma."""
    joined: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        joined[name] = b", ".join((joined[name], value)) if name in joined else value
    scope = {key: value for key, value in scope.items() if key not in OURS_ALONE}
    return {**scope, "headers": joined, "client": scope["client"] and tuple(scope["client"])}


@given(version_2_events())
def test_version_2_events_map_as_mangum_maps_them(event: dict[str, Any]) -> None:
    scope, body = http_request(event)
    theirs, their_body = mangum(event)
    assert comparable(scope) == comparable(theirs)
    assert body == their_body
    json.dumps(event)  # the mapping left the event alone


@given(version_1_events())
def test_version_1_events_map_as_mangum_maps_them(event: dict[str, Any]) -> None:
    scope, body = http_request(event)
    theirs, their_body = mangum(event)
    ours = comparable(scope)
    expected = comparable(theirs)
    if b"cookie" in ours["headers"]:
        # Mangum joins several cookie headers with a comma, which no cookie parser splits.
        expected["headers"][b"cookie"] = ours["headers"][b"cookie"]
    if "x-forwarded-port" not in {name.lower() for name in event["headers"]} and ":" not in event["headers"]["Host"]:
        # Without a port anywhere Mangum says 80, whatever the scheme.
        assert (ours["server"][1], expected["server"][1]) == (443, 80)
        expected["server"] = ours["server"]
    assert ours == expected
    assert body == their_body


@given(version_2_events() | version_1_events())
def test_every_scope_is_what_asgi_asks_for(event: dict[str, Any]) -> None:
    scope, body = http_request(event)
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.4"}
    assert scope["path"].startswith("/")
    assert scope["raw_path"].isascii()
    assert b" " not in scope["raw_path"]
    assert all(isinstance(part, bytes) for header in scope["headers"] for part in header)
    assert all(name == name.lower() for name, _ in scope["headers"])
    assert isinstance(body, bytes)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | texts, lambda v: st.dictionaries(texts, v) | st.lists(v))
)
def test_any_other_json_is_refused_and_nothing_else_is_raised(event: object) -> None:
    with pytest.raises(UnsupportedEvent):
        http_request(event)


@given(
    st.dictionaries(
        st.sampled_from(sorted(function_url_event("/")) + sorted(rest_api_event("/"))), st.none() | texts | st.just({})
    )
)
def test_an_event_with_pieces_missing_is_mapped_or_refused_and_nothing_else_is_raised(pieces: dict[str, Any]) -> None:
    for whole in (function_url_event("/"), rest_api_event("/")):
        with contextlib.suppress(UnsupportedEvent):
            scope, _ = http_request({**whole, **pieces})
            assert scope["type"] == "http"


def test_an_encoded_path_is_decoded_once_and_kept_raw() -> None:
    scope, _ = http_request(function_url_event("/a%2Fb/%C3%A9%20x"))
    assert (scope["path"], scope["raw_path"]) == ("/a/b/é x", b"/a%2Fb/%C3%A9%20x")


def test_a_path_that_came_decoded_gets_an_encoded_raw_path() -> None:
    scope, _ = http_request(rest_api_event("/é x"))
    assert (scope["path"], scope["raw_path"]) == ("/é x", b"/%C3%A9%20x")


def test_cookies_of_an_event_become_one_header() -> None:
    scope, _ = http_request(function_url_event("/", cookies=["a=1", "b=2"], headers={"Cookie": "a=1; b=2"}))
    assert [value for name, value in scope["headers"] if name == b"cookie"] == [b"a=1; b=2"]


def test_several_cookie_headers_of_a_rest_api_become_one() -> None:
    scope, _ = http_request(rest_api_event("/", headers={"Cookie": ["a=1", "b=2"]}))
    assert [value for name, value in scope["headers"] if name == b"cookie"] == [b"a=1; b=2"]


def test_a_body_that_is_not_its_base64_is_refused() -> None:
    with pytest.raises(UnsupportedEvent, match="base64"):
        http_request(function_url_event("/", method="POST", body="a", is_base64=True))


def test_a_refusal_names_keys_and_never_values() -> None:
    with pytest.raises(UnsupportedEvent) as refusal:
        http_request({"password": "hunter2", "requestContext": {}})
    assert "password" in str(refusal.value)
    assert "hunter2" not in str(refusal.value)
