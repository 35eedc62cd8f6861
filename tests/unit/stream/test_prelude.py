"""The headers of a response in the prelude."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_stream.prelude import DROPPED, MAX_PRELUDE, PreludeError, _read_or_remember, prelude

tokens = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-", min_size=1, max_size=10).map(str.encode)
values = st.binary(max_size=40).filter(lambda value: not set(value) & set(b"\r\n\0"))


@given(st.integers(200, 599), st.lists(st.tuples(tokens, values), max_size=10))
def test_every_header_arrives_and_the_delimiter_stands_once(status: int, headers: list[tuple[bytes, bytes]]) -> None:
    encoded = prelude(status, headers)
    document, delimiter, rest = encoded.partition(bytes(8))
    assert (delimiter, rest) == (bytes(8), b"")
    parsed = json.loads(document)
    expected: dict[str, list[str]] = {}
    cookies = []
    for name, value in headers:
        text = value.decode("latin-1")
        if name.lower() == b"set-cookie":
            cookies.append(text)
        elif name.lower() not in DROPPED:
            expected.setdefault(name.lower().decode(), []).append(text)
    assert parsed["statusCode"] == status
    assert parsed["headers"] == {name: ", ".join(parts) for name, parts in expected.items()}
    assert parsed.get("cookies", []) == cookies


@pytest.mark.parametrize("bad", [b"a\nb", b"a\rb", b"a\0b"])
def test_a_value_that_could_forge_a_header_is_refused(bad: bytes) -> None:
    with pytest.raises(PreludeError):
        prelude(200, [(b"x", bad)])


def test_the_limit_counts_cookies_too() -> None:
    with pytest.raises(PreludeError, match=str(MAX_PRELUDE)):
        prelude(200, [(b"set-cookie", b"a" * 8192), (b"set-cookie", b"b" * 8192)])


def test_a_header_that_connection_names_is_dropped() -> None:
    document = prelude(200, [(b"x-hop", b"1"), (b"Connection", b"close, X-Hop"), (b"x-kept", b"2")]).partition(b"\0")[0]
    assert json.loads(document)["headers"] == {"x-kept": "2"}


@pytest.mark.parametrize(("status", "name"), [(0, b"x"), (101, b"x"), (1000, b"x"), (200, b"x y"), (200, b"")])
def test_an_invalid_status_or_header_name_is_refused(status: int, name: bytes) -> None:
    with pytest.raises(PreludeError):
        prelude(status, [(name, b"1")])


def test_a_cookie_is_not_remembered() -> None:
    known = _read_or_remember.cache_info().currsize
    prelude(200, [(b"Set-Cookie", b"session=secret; a cookie of this test alone")])
    assert _read_or_remember.cache_info().currsize == known


def test_a_bad_header_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(PreludeError):
            prelude(200, [(b"x", b"a\nb")])
