"""The example frontend as an adopter has it: installed from its lock file, built, and talking to the dev server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.support.dev import DevServer

FRONTEND = ROOT / "frontend"
PACKAGE = Path("packages") / "chatkit-lambda-router"
NODE = {"PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"}

# What an adopter puts in place of the example's: a token that can be renewed, and a count of how often it was.
TOKEN = """
import type { TokenSource } from "chatkit-lambda-router";

export const currentToken: TokenSource = ({ refresh }) => {
  const fresh = sessionStorage.getItem("fresh");
  if (refresh) sessionStorage.setItem("refreshes", String(Number(sessionStorage.getItem("refreshes")) + 1));
  if (refresh && fresh) sessionStorage.setItem("token", fresh);
  return sessionStorage.getItem("token");
};
"""


def run_npm(folder: Path, *arguments: str, **environment: str) -> str:
    """Run npm in a folder, and return its output.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(
        ["npm", *arguments],
        cwd=folder,
        env={**os.environ, **NODE, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the frontend with its packages, exactly those of the lock file."""
    folder = tmp_path_factory.mktemp("frontend") / "frontend"
    shutil.copytree(FRONTEND, folder, ignore=shutil.ignore_patterns("node_modules", "dist", ".env.local"))
    run_npm(folder, "ci", "--no-audit", "--no-fund")
    return folder


@dataclass(frozen=True)
class Served:
    """The built page, and the dev server behind it.

    Attributes:
        url: The page's origin, which the server lets in.
        stranger_url: The same page at an origin that the server does not let in.
    """

    url: str
    stranger_url: str
    server: DevServer


@pytest.fixture(scope="session")
def served(frontend: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The example page, built with an adopter's own token, on a dev server."""
    ports = free_ports(2)
    url, stranger = (f"http://127.0.0.1:{port}" for port in ports)
    more = {"KNOWLEDGE": "dynamodb", "KNOWLEDGE_EDITORS": "editor"}
    server = DevServer(tmp_path_factory.mktemp("dev"), {"ALLOWED_ORIGINS": url, **more})
    settings = {
        "VITE_STREAM_URL": server.stream_url.removesuffix("chatkit/api"),
        "VITE_API_URL": server.chat_url.removesuffix("chatkit/api"),
        "STAND_IN": server.origin,
    }
    try:
        (frontend / "src" / "token.ts").write_text(TOKEN)
        run_npm(frontend, "run", "build", **settings)
        with preview(frontend, ports[0], settings), preview(frontend, ports[1], settings):
            yield Served(url, stranger, server)
    finally:
        server.stop()


def free_ports(count: int) -> list[int]:
    """Return ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def preview(folder: Path, port: int, settings: dict[str, str]) -> Iterator[None]:
    """Serve a built page."""
    command = ["node", "node_modules/vite/bin/vite.js", "preview", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [*command, "--strictPort"],
        cwd=folder,
        env={**os.environ, **NODE, **settings},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}", process)
        yield
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            urllib.request.urlopen(url, timeout=20).close()
            return
        except urllib.error.URLError:
            assert process.poll() is None, "the preview server has ended"
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
