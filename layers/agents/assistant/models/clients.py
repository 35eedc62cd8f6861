"""One client for each provider and event loop, built at its first use and shared by every turn.

Building a client takes 25 ms, nearly all of them for the TLS context. A client fails on a second event loop with
"Event loop is closed". So the process owns the TLS context, and each loop owns its clients and connections.
"""

from __future__ import annotations

import asyncio
import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

from assistant.errors import ConfigurationError
from assistant.settings import ProviderName, Secret, Settings

if TYPE_CHECKING:
    import ssl

    import httpx2

    from assistant.models.client import ModelClient

CONNECT_SECONDS = 5.0
WRITE_SECONDS = 20.0
# The longest silence inside a stream. A reasoning model without a summary can be silent for more than a minute.
READ_SECONDS = 120.0
# Local servers ignore the key, but the client requires one.
NO_KEY = "none"


@dataclass
class _LoopClients:
    """The connections and clients of one event loop."""

    http: httpx2.AsyncClient
    by_provider: dict[tuple[str, str | None], ModelClient] = field(default_factory=dict)


class UnreadableKeyError(Exception):
    """A provider's key cannot be read. The text is an error code only: it names no account and no secret."""


_by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopClients] = WeakKeyDictionary()
_tls: ssl.SSLContext | None = None


def tls_context() -> ssl.SSLContext:
    """Return the process's TLS context. A snapshot may contain it: it has no connection and no secret."""
    global _tls
    if _tls is None:
        import httpx2

        _tls = httpx2.create_ssl_context()
    return _tls


def _endpoint(settings: Settings, provider: ProviderName) -> tuple[Secret, str | None]:
    match provider:
        case "openai":
            return settings.openai_api_key, settings.openai_base_url
        case "gemini":
            return settings.gemini_api_key, settings.gemini_base_url
        case "compatible":
            if not settings.llm_base_url:
                raise ConfigurationError("The provider `compatible` needs LLM_BASE_URL.")
            return settings.llm_api_key or Secret(value=NO_KEY), settings.llm_base_url
        case _:
            raise ConfigurationError(f"The provider `{provider}` has no HTTP API.")


def _of_this_loop() -> _LoopClients:
    import httpx2
    from openai import DefaultAsyncHttpxClient

    from assistant.models.transport import transport_of

    loop = asyncio.get_running_loop()
    clients = _by_loop.get(loop)
    if clients is None:
        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS, write=WRITE_SECONDS)
        tls = tls_context()
        http = DefaultAsyncHttpxClient(verify=tls, timeout=timeout, transport=transport_of(tls))
        clients = _by_loop[loop] = _LoopClients(http)
    return clients


def load_client(api: Literal["responses", "chat_completions"]) -> None:
    """Import what calls of an API need. The thread that loads the agents calls it, so the event loop is not blocked."""
    importlib.import_module("assistant.models.client")
    importlib.import_module("assistant.models.transport")
    importlib.import_module(
        "assistant.models.response_streams" if api == "responses" else "assistant.models.chat_streams"
    )


def http_client() -> httpx2.AsyncClient:
    """Return the running loop's HTTP client, with time-outs for Lambda. A provider of your own can share it."""
    return _of_this_loop().http


async def client_of(settings: Settings, provider: ProviderName) -> ModelClient:
    """Return the client of a provider for the running event loop.

    The client's retries are off, because `assistant.models.attempts` retries within the turn's deadline.

    Raises:
        ConfigurationError: the provider has no HTTP API, or no base URL is set.
        UnreadableKeyError: the key cannot be read now.
    """
    from assistant.models.client import ModelClient

    secret, base_url = _endpoint(settings, provider)
    clients = _of_this_loop()
    client = clients.by_provider.get((provider, base_url))
    if client is None:
        client = ModelClient(
            api_key=await _key(secret),
            base_url=base_url,
            max_retries=0,
            timeout=clients.http.timeout,
            http_client=clients.http,
        )
        clients.by_provider[provider, base_url] = client
    return client


async def _key(secret: Secret) -> str:
    try:
        # Reading a named secret blocks.
        read = await asyncio.to_thread(secret.read) if secret.value is None else secret.value
    except Exception as error:
        raise UnreadableKeyError(_code(error)) from error
    # A secret made from a file often ends with a line break.
    key = read.strip()
    if not key or not key.isascii() or not key.isprintable():
        raise UnreadableKeyError("not a key")
    return key


def _code(error: BaseException) -> str:
    """Return AWS's error code, or the class of the error. The message may name the account and the secret."""
    # Powertools wraps the exception of boto3.
    cause = error.__cause__ or error.__context__
    if cause is not None:
        return _code(cause)
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def forget_client(provider: str) -> None:
    """Drop a provider's clients. The next call reads the key again, which may have been rotated."""
    for clients in _by_loop.values():
        for known in [key for key in clients.by_provider if key[0] == provider]:
            del clients.by_provider[known]


async def close_clients() -> None:
    """Close the running loop's connections at the end of the process or of a test."""
    clients = _by_loop.pop(asyncio.get_running_loop(), None)
    if clients is not None:
        await clients.http.aclose()


def drop_clients() -> None:
    """Forget all clients without closing them. After a restore from a snapshot their sockets are dead."""
    _by_loop.clear()
