"""The connections to providers, on both event loops, plain and with TLS, against servers on their worst days."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assistant.models import network
from assistant.models.clients import http_client
from assistant.models.network import MAX_UNREAD_BYTES
from assistant.models.transport import ProviderTransport
from tests.support.tls import Authority, make_authority

pytestmark = pytest.mark.anyio

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
LARGE_BYTES = 30_000_000
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both loops: the runtime takes uvloop where it is installed."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("tls"))


class Provider:
    """A server on a loop of its own, so that it goes on while the client's loop stands still.

    Attributes:
        connections: How many were accepted.
    """

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        self.connections = 0
        self.serve: Serve | None = None
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._accepted, "127.0.0.1", 0, ssl=self._tls)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        assert self.serve is not None
        with suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, asyncio.CancelledError):
            await self.serve(reader, writer)
        writer.close()

    @property
    def url(self) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            tasks = [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def provider(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Provider]:
    running = Provider(authority.server if request.param else None)
    yield running
    running.close()


@asynccontextmanager
async def client_of(bundle: Path, **timeouts: float) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client on the transport, as the model clients have it."""
    tls = ssl.create_default_context(cafile=str(bundle))
    timeout = httpx2.Timeout(**{"connect": 20, "read": 20, "write": 20, "pool": 20, **timeouts})
    async with httpx2.AsyncClient(transport=ProviderTransport(tls), timeout=timeout, trust_env=False) as client:
        yield client


async def read_request(reader: asyncio.StreamReader) -> None:
    """Read a request's head, and its body if it has one."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if line)
    await reader.readexactly(int(fields.get(b"content-length", b"0")))


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def test_each_delta_arrives_by_itself(provider: Provider, authority: Authority) -> None:
    received = threading.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD)
        for number in range(20):
            received.clear()
            writer.write(chunk(b"delta %d" % number))
            # The next is sent only when the client has this one.
            await asyncio.to_thread(received.wait)
        writer.write(chunk(b""))

    provider.serve = serve
    deltas = []
    async with client_of(authority.bundle) as client, client.stream("POST", provider.url, content=b"{}") as response:
        async for part in response.aiter_bytes():
            deltas.append(part)
            received.set()
    assert deltas == [b"delta %d" % number for number in range(20)]


async def test_a_connection_serves_many_requests(provider: Provider, authority: Authority) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await read_request(reader)
            writer.write(WHOLE)

    provider.serve = serve
    async with client_of(authority.bundle) as client:
        for _ in range(5):
            assert (await client.post(provider.url, content=b"{}")).text == "ok"
    assert provider.connections == 1


async def test_a_connection_that_ended_while_the_process_stood_still_is_not_used(
    provider: Provider, authority: Authority
) -> None:
    closed = threading.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(WHOLE)
        await writer.drain()
        # Without the farewell of TLS, for which the standing client could not give an answer.
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()
        closed.set()

    provider.serve = serve
    async with client_of(authority.bundle) as client:
        for number in range(1, 4):
            assert (await client.post(provider.url, content=b"{}")).text == "ok"
            assert provider.connections == number
            # The event loop does not run meanwhile, like that of a frozen function, and has not seen the end.
            closed.wait()
            closed.clear()


@pytest.mark.parametrize("at", ["before the answer", "inside the answer"])
async def test_an_end_that_comes_too_early_is_an_error(provider: Provider, authority: Authority, at: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if at == "inside the answer":
            writer.write(HEAD + chunk(b"half"))

    provider.serve = serve
    async with client_of(authority.bundle) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.post(provider.url, content=b"{}")


async def test_a_reset_is_an_error(authority: Authority) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + chunk(b"half"))
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    provider = Provider(None)
    provider.serve = serve
    async with client_of(authority.bundle) as client:
        with pytest.raises((httpx2.ReadError, httpx2.RemoteProtocolError)):
            await client.post(provider.url, content=b"{}")
    provider.close()


@pytest.mark.parametrize("after", [0, 3])
async def test_a_silent_server_is_a_time_out(provider: Provider, authority: Authority, after: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        if after:
            writer.write(HEAD)
        for number in range(after):
            writer.write(chunk(b"delta %d" % number))
            await asyncio.sleep(0.15)
        await reader.read()

    provider.serve = serve
    parts: list[bytes] = []

    async def follow(client: httpx2.AsyncClient) -> None:
        async with client.stream("POST", provider.url, content=b"{}") as response:
            async for part in response.aiter_bytes():
                parts.append(part)  # noqa: PERF401  # What came before the time-out counts.

    async with client_of(authority.bundle, read=0.3) as client:
        with pytest.raises(httpx2.ReadTimeout):
            await follow(client)
        # The time-out is that of a silence, not of the whole answer.
        assert b"".join(parts) == b"".join(b"delta %d" % number for number in range(after))
        provider.serve = _answers
        assert (await client.post(provider.url, content=b"{}")).text == "ok"


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await read_request(reader)
        writer.write(WHOLE)


async def test_a_server_that_does_not_read_is_a_time_out(provider: Provider, authority: Authority) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(60)

    provider.serve = serve
    async with client_of(authority.bundle, write=0.3) as client:
        with pytest.raises(httpx2.WriteTimeout):
            await client.post(provider.url, content=b"x" * LARGE_BYTES)


async def test_a_large_body_is_sent_to_a_slow_server(provider: Provider, authority: Authority) -> None:
    received = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        await reader.readuntil(b"\r\n\r\n")
        while received < LARGE_BYTES:
            received += len(await reader.read(1_000_000))
            await asyncio.sleep(0)
        writer.write(WHOLE)

    provider.serve = serve
    async with client_of(authority.bundle) as client:
        assert (await client.post(provider.url, content=b"x" * LARGE_BYTES)).text == "ok"
    assert received == LARGE_BYTES


async def test_a_large_answer_waits_for_a_slow_reader(
    provider: Provider, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % LARGE_BYTES)
        for _ in range(LARGE_BYTES // 1_000_000):
            writer.write(b"y" * 1_000_000)
            await writer.drain()

    held = 0
    arrived = network.NetworkStream.data_received

    def watched(self: network.NetworkStream, data: bytes) -> None:
        nonlocal held
        arrived(self, data)
        held = max(held, len(self._received))

    monkeypatch.setattr(network.NetworkStream, "data_received", watched)
    provider.serve = serve
    read = 0
    async with client_of(authority.bundle) as client, client.stream("POST", provider.url, content=b"{}") as response:
        async for part in response.aiter_bytes():
            read += len(part)
            if read < 2_000_000:
                await asyncio.sleep(0.01)
    assert read == LARGE_BYTES
    # One read of the loop's may be above the mark.
    assert held < 2 * MAX_UNREAD_BYTES + 1_000_000


async def test_a_reader_that_is_cancelled_closes_the_connection(provider: Provider, authority: Authority) -> None:
    gone = threading.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(HEAD + chunk(b"one"))
        try:
            await reader.read()
        finally:
            gone.set()

    provider.serve = serve
    async with client_of(authority.bundle) as client:
        begun = asyncio.Event()

        async def follow() -> None:
            async with client.stream("POST", provider.url, content=b"{}") as response:
                async for _ in response.aiter_bytes():
                    begun.set()

        task = asyncio.create_task(follow())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(gone.wait, 20)
        provider.serve = _answers
        assert (await client.post(provider.url, content=b"{}")).text == "ok"


async def test_a_port_without_a_server_is_an_error(authority: Authority) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        async with client_of(authority.bundle) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.post(f"http://127.0.0.1:{held.getsockname()[1]}/v1", content=b"{}")
            with pytest.raises(httpx2.ConnectError):
                await client.post("http://no-such-host.invalid/v1", content=b"{}")


async def test_an_unknown_authority_is_an_error(authority: Authority, tmp_path: Path) -> None:
    provider = Provider(authority.server)
    provider.serve = _answers
    async with client_of(make_authority(tmp_path).bundle) as client:
        with pytest.raises(httpx2.ConnectError, match="certificate verify failed"):
            await client.post(provider.url, content=b"{}")
    provider.close()


@pytest.mark.parametrize("silent", [True, False], ids=["is silent", "speaks no TLS"])
async def test_a_handshake_that_fails_is_an_error(authority: Authority, silent: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        if not silent:
            writer.write(WHOLE)
        await asyncio.sleep(60)

    provider = Provider(None)
    provider.serve = serve
    async with client_of(authority.bundle, connect=0.5) as client:
        with pytest.raises(httpx2.ConnectTimeout if silent else httpx2.ConnectError):
            await client.post(provider.url.replace("http:", "https:"), content=b"{}")
    provider.close()


async def test_nothing_is_left_of_a_closed_client(authority: Authority) -> None:
    provider = Provider(None)
    provider.serve = _answers
    loop = asyncio.get_running_loop()
    async with client_of(authority.bundle, read=100) as client:
        assert (await client.post(provider.url, content=b"{}")).text == "ok"
    if isinstance(loop, asyncio.BaseEventLoop):
        await asyncio.sleep(0)
        now = time.monotonic()
        # Only the loop's own list has its timers, and no type stub names it.
        assert not [each for each in loop._scheduled if not each.cancelled() and each.when() > now + 50]  # type: ignore[attr-defined]
    provider.close()


async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n"))
        writer.write(WHOLE)

    proxy = Provider(None)
    proxy.serve = serve
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert (await http_client().get("http://provider.invalid/v1/models")).text == "ok"
    assert asked == [b"GET http://provider.invalid/v1/models HTTP/1.1\r\n"]
    proxy.close()
