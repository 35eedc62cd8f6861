"""A fetch from the issuer ends within its time and its size, and goes nowhere else."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler

import pytest

from assistant.identity import fetch as module
from assistant.identity.fetch import MAX_DOCUMENT_BYTES, FetchError, fetch
from tests.support.tls_issuer import TlsIssuer, reply

pytestmark = pytest.mark.anyio


async def test_a_document_arrives_whole(provider: TlsIssuer) -> None:
    provider.answer = lambda handler: reply(handler, b"x" * MAX_DOCUMENT_BYTES)
    assert await fetch(provider.origin) == b"x" * MAX_DOCUMENT_BYTES


async def test_a_document_that_is_too_large_is_refused_while_it_arrives(provider: TlsIssuer) -> None:
    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while True:
            handler.wfile.write(b"x" * 65536)

    provider.answer = endless
    with pytest.raises(FetchError, match="bytes"):
        await fetch(provider.origin)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(provider: TlsIssuer, status: int) -> None:
    provider.answer = lambda handler: reply(handler, b"", status, location=f"{provider.origin}/elsewhere")
    with pytest.raises(FetchError, match=str(status)):
        await fetch(provider.origin)
    assert provider.fetches == 1


@pytest.mark.parametrize("status", [204, 404, 500, 503])
async def test_only_ok_is_a_document(provider: TlsIssuer, status: int) -> None:
    provider.answer = lambda handler: reply(handler, b"", status)
    with pytest.raises(FetchError, match=str(status)):
        await fetch(provider.origin)


async def test_a_silent_issuer_is_given_up(provider: TlsIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.3)
    provider.gate.clear()
    with pytest.raises(FetchError):
        await fetch(provider.origin)


@pytest.mark.parametrize("part", ["headers", "body"])
async def test_an_issuer_that_sends_byte_by_byte_is_given_up_and_its_connection_closed(
    provider: TlsIssuer, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(module, "FETCH_SECONDS", 0.3)
    closed = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        if part == "body":
            handler.send_response(200)
            handler.end_headers()
        else:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
        try:
            while True:
                handler.wfile.write(b"x")
                handler.wfile.flush()
                threading.Event().wait(0.01)
        except OSError:
            closed.set()

    provider.answer = drip
    with pytest.raises(FetchError):
        await fetch(provider.origin)
    assert closed.wait(30), "the connection stays open"


async def test_a_server_whose_certificate_nobody_trusts_is_no_issuer(
    provider: TlsIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(FetchError, match="certificate"):
        await fetch(provider.origin)
    assert provider.fetches == 0


async def test_a_server_of_another_name_is_no_issuer(provider: TlsIssuer) -> None:
    with pytest.raises(FetchError, match="certificate"):
        await fetch(provider.origin.replace("127.0.0.1", "localhost"))


async def test_a_port_where_nobody_listens_is_an_error() -> None:
    with pytest.raises(FetchError, match="refused"):
        await fetch("https://127.0.0.1:1/")
