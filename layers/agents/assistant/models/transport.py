"""The HTTP transport of the model clients: httpcore's connection pool on the backend of `assistant.models.network`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.request import getproxies

import httpcore2
import httpx2
from openai import DEFAULT_CONNECTION_LIMITS

from assistant.models.network import NetworkBackend

if TYPE_CHECKING:
    import ssl


def transport_of(tls: ssl.SSLContext) -> ProviderTransport | None:
    """Return the transport, or None where the environment names a proxy: httpx's own transports know proxies."""
    return None if any(getproxies().get(scheme) for scheme in ("http", "https", "all")) else ProviderTransport(tls)


class ProviderTransport(httpx2.AsyncBaseTransport):
    """httpx's transport for connections without a proxy, on the backend of `assistant.models.network`.

    Args:
        tls: The context of https connections.
    """

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=DEFAULT_CONNECTION_LIMITS.max_connections,
            max_keepalive_connections=DEFAULT_CONNECTION_LIMITS.max_keepalive_connections,
            keepalive_expiry=DEFAULT_CONNECTION_LIMITS.keepalive_expiry,
            network_backend=NetworkBackend(),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return the response with its body unread."""
        url = request.url
        try:
            response = await self._pool.handle_async_request(
                httpcore2.Request(
                    request.method,
                    httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except _FAILURES as error:
            raise _named(error) from error
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class _Body(httpx2.AsyncByteStream):
    def __init__(self, response: httpcore2.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._response.aiter_stream():
                yield part
        except _FAILURES as error:
            raise _named(error) from error

    async def aclose(self) -> None:
        await self._response.aclose()


_FAILURES = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)


def _named(error: Exception) -> Exception:
    """Return httpx's exception of the same name."""
    named: Exception = getattr(httpx2, type(error).__name__)(str(error))
    return named
