"""`make smoke` against the dev server passes on a good deployment and fails on a broken one."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from local.settings import ROOT
from scripts.deployment import TIMEOUT_SECONDS, Deployment, base_url
from scripts.smoke_checks.front_door import certificate, only_way_in, web_acl
from scripts.smoke_checks.requests import health
from scripts.smoke_checks.run import CheckError, Run
from scripts.smoke_checks.turns import first_turn, streaming
from tests.support.dev import clean_environment
from tests.support.tls import make_authority

if TYPE_CHECKING:
    from tests.support.dev import DevServer


def _smoke(url: str, token: str, **options: str) -> subprocess.CompletedProcess[str]:
    flags = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
    return subprocess.run(
        [sys.executable, "-m", "scripts.smoke", "--url", url, *flags],
        cwd=ROOT,
        env=clean_environment(SMOKE_TOKEN=token),
        capture_output=True,
        text=True,
        check=False,
    )


def _outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {line[6:24].strip(): line[:4].strip() for line in done.stdout.splitlines()[:-1]}


def test_all_checks_hold_on_the_dev_server_and_nothing_is_left_of_them(dev_server: DevServer) -> None:
    token = dev_server.token(user="smoke")
    done = _smoke(
        dev_server.page_url,
        token,
        stream_url=dev_server.stream_url,
        upload_url=dev_server.upload_url,
        origin=dev_server.origin,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = _outcomes(done)
    assert len(outcomes) == 31
    skipped = ["certificate", "no token", "only way in", "web ACL", "knowledge", "jobs", "cold starts"]
    assert [name for name, outcome in outcomes.items() if outcome != "ok"] == skipped
    assert "THIS DEPLOYMENT LETS GUESTS IN" in done.stdout
    assert token not in done.stdout + done.stderr

    listed = httpx2.post(
        dev_server.chat_url,
        json={"type": "threads.list", "params": {}},
        headers={"authorization": f"Bearer {token}"},
    )
    assert listed.json()["data"] == []


def test_an_edge_that_holds_the_answer_back_fails_the_check_for_it(dev_server: DevServer) -> None:
    async def check(edge: str) -> str:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
            stack = Deployment(edge, edge, edge, dev_server.token(user="held"), "authorization", http)
            run = Run(stack)
            await health(run)
            await first_turn(run)
            return await streaming(run)

    assert "pieces over" in asyncio.run(check(base_url(dev_server.stream_url)))
    with _buffering(base_url(dev_server.stream_url)) as edge, pytest.raises(CheckError, match="held back on the way"):
        asyncio.run(check(edge))


def test_a_front_door_gets_the_hash_of_each_body_and_is_the_only_way_in(dev_server: DevServer) -> None:
    with _door(dev_server.origin) as door, _door(None) as closed:
        done = _smoke(door, dev_server.token(user="door"), closed=f"{closed}/,{closed}/")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _outcomes(done)["only way in"] == "ok"
    assert "403 of 2 function URLs" in done.stdout


def test_a_function_url_that_is_open_beside_its_front_door_fails_the_check_for_it(dev_server: DevServer) -> None:
    async def check() -> str:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
            origin = dev_server.origin
            stack = Deployment(origin, origin, origin, dev_server.token(user="open"), "authorization", http)
            return await only_way_in(Run(stack, closed=(origin,)))

    with pytest.raises(CheckError, match="HTTP 200"):
        asyncio.run(check())


def test_a_web_acl_stops_an_attack_and_no_text_about_one(dev_server: DevServer) -> None:
    async def check(edge: str) -> str:
        async with httpx2.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
            stack = Deployment(edge, edge, edge, dev_server.token(user="attacked"), "authorization", http)
            return await web_acl(Run(stack, has_web_acl=True))

    with _door(dev_server.origin, forbidden="etc/passwd") as edge:
        assert asyncio.run(check(edge)) == "403 to an attack, 200 to a text about one"
    with pytest.raises(CheckError, match="HTTP 200 to an attack"):
        asyncio.run(check(dev_server.origin))
    # The common rules as AWS has them, without our overrides.
    with _door(dev_server.origin, forbidden="<script>") as edge, pytest.raises(CheckError, match="HTTP 200 to an att"):
        asyncio.run(check(edge))
    with _door(dev_server.origin, forbidden="") as edge, pytest.raises(CheckError, match="HTTP 403 to a user's text"):
        asyncio.run(check(edge))


def test_a_certificate_that_ends_soon_or_that_nobody_trusts_fails_the_check_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(url: str) -> str:
        async with httpx2.AsyncClient() as http:
            return await certificate(Run(Deployment(url, url, url, None, "authorization", http)))

    for days, problem in ((90, ""), (3, "ends in 3 days")):
        folder = tmp_path / str(days)
        folder.mkdir()
        authority = make_authority(folder, days)
        with _tls(authority.server) as url:
            with pytest.raises(ssl.SSLCertVerificationError):
                asyncio.run(check(url))
            monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
            if problem:
                with pytest.raises(CheckError, match=problem):
                    asyncio.run(check(url))
            else:
                assert asyncio.run(check(url)).startswith("TLSv1.3, valid for ")
        monkeypatch.delenv("SSL_CERT_FILE")


@contextmanager
def _tls(context: ssl.SSLContext) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _door(target: str | None, forbidden: str | None = None) -> Iterator[str]:
    """A proxy that refuses what CloudFront's signature would not cover, or without a target everything.

    Args:
        target: Where it passes requests on.
        forbidden: A text that it refuses in an address or a body, as a web ACL does.
    """

    class Handler(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            hashed = self.headers.get("x-amz-content-sha256", "")
            unsigned = self.command == "POST" and hashed != hashlib.sha256(body).hexdigest()
            if forbidden is not None:
                unsigned = forbidden in self.path or forbidden.encode() in body
            if target is None or unsigned:
                self.send_response(403)
                self.send_header("content-length", "0")
                self.end_headers()
                return
            kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            answer = httpx2.request(self.command, target + self.path, content=body, headers=kept, timeout=60)
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_HEAD = do_OPTIONS = do_POST = do_DELETE = _forward

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
            """Log nothing."""

    with _serving(Handler) as url:
        yield url


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def _buffering(target: str) -> Iterator[str]:
    """A proxy that buffers each answer before it sends it."""

    class Handler(BaseHTTPRequestHandler):
        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kept = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
            answer = httpx2.request(self.command, target + self.path, content=body, headers=kept, timeout=60)
            self.send_response(answer.status_code)
            for name in {"content-type", "x-turn-id"} & set(answer.headers):
                self.send_header(name, answer.headers[name])
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_DELETE = _forward

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base's name
            """Log nothing."""

    with _serving(Handler) as url:
        yield url


def test_a_token_that_has_expired_fails_all_that_needs_one_and_says_why(dev_server: DevServer) -> None:
    done = _smoke(dev_server.page_url, dev_server.token(lifetime=-120), stream_url=dev_server.stream_url)
    assert done.returncode == 1
    outcomes = _outcomes(done)
    assert outcomes["health"] == "ok"
    assert outcomes["first turn"] == "FAIL"
    assert "HTTP 401" in done.stdout
