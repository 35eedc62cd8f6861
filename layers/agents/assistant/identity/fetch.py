"""Fetch a small document from an identity provider, bounded in time and in size."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Any

# One fetch, with name resolution, handshake and body. Identity providers answer within tens of milliseconds.
FETCH_SECONDS = 3.0
# Microsoft's key set, the largest of the known providers, has about 20 KB.
MAX_DOCUMENT_BYTES = 256 * 1024
_CHUNK_BYTES = 16 * 1024


class FetchError(Exception):
    """The document could not be fetched. The text is for the operator's log and contains no part of the answer."""


async def fetch(url: str) -> bytes:
    """Return the body of an answer with the status 200.

    Redirects are not followed: a redirect could lead to another host or to plain HTTP.

    Raises:
        FetchError: The fetch failed, took longer than `FETCH_SECONDS`, or has more than `MAX_DOCUMENT_BYTES`.
    """
    running = _Fetch(url)
    try:
        async with asyncio.timeout(FETCH_SECONDS):
            return await asyncio.to_thread(running.run)
    except TimeoutError:
        # Without this the thread would read on for as long as bytes arrive.
        running.abort()
        raise FetchError(f"no complete answer within {FETCH_SECONDS:g} s") from None


class _Fetch:
    """One fetch in a thread. Another thread can end it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connections: list[http.client.HTTPConnection] = []
        self._ends_at = time.monotonic() + FETCH_SECONDS

    def run(self) -> bytes:
        """Fetch the document. The calling thread blocks."""
        request = urllib.request.Request(self._url, headers={"accept": "application/json"})  # noqa: S310 - checked in the settings
        try:
            with self._opener().open(request, timeout=FETCH_SECONDS) as answer:
                if answer.status != HTTPStatus.OK:
                    raise FetchError(f"HTTP {answer.status}")
                return self._read(answer)
        except urllib.error.HTTPError as error:
            error.close()
            raise FetchError(f"HTTP {error.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise FetchError(f"{type(error).__name__}: {str(error)[:200]}") from None

    def abort(self) -> None:
        """Close the connection. A blocked read then returns at once."""
        for connection in self._connections:
            with contextlib.suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _opener(self) -> urllib.request.OpenerDirector:
        """Return an opener that knows the environment's proxies, follows no redirect and records its connections."""
        context = ssl.create_default_context()
        return urllib.request.build_opener(_NoRedirect(), _Http(self._connections), _Https(self._connections, context))

    def _read(self, answer: http.client.HTTPResponse) -> bytes:
        parts: list[bytes] = []
        size = 0
        while part := answer.read1(_CHUNK_BYTES):
            size += len(part)
            if size > MAX_DOCUMENT_BYTES:
                raise FetchError(f"the answer has more than {MAX_DOCUMENT_BYTES} bytes")
            if time.monotonic() > self._ends_at:
                raise FetchError(f"no complete answer within {FETCH_SECONDS:g} s")
            parts.append(part)
        return b"".join(parts)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> None:
        """Follow nothing. urllib then raises an error with the status."""


class _Http(urllib.request.HTTPHandler):
    def __init__(self, connections: list[http.client.HTTPConnection]) -> None:
        super().__init__()
        self._connections = connections

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open a connection and record it."""

        def connect(host: str, **options: Any) -> http.client.HTTPConnection:
            self._connections.append(http.client.HTTPConnection(host, **options))
            return self._connections[-1]

        return self.do_open(connect, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, connections: list[http.client.HTTPConnection], context: ssl.SSLContext) -> None:
        super().__init__()
        self._connections = connections
        self._tls = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open a connection and record it."""

        def connect(host: str, **options: Any) -> http.client.HTTPConnection:
            self._connections.append(http.client.HTTPSConnection(host, **options))
            return self._connections[-1]

        return self.do_open(connect, req, context=self._tls)
