"""The example frontend as an adopter has it: installed from its lock file, built, and talking to the dev server."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.settings import ROOT
from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.dev import DevServer

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, FilePayload, Request

pytestmark = pytest.mark.exhaustive

FRONTEND = ROOT / "frontend"
NODE = {"PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"}
NOTE: FilePayload = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"The password is swordfish."}
# A first turn on a busy machine.
TURN_MILLISECONDS = 60_000


def _npm(folder: Path, *arguments: str, **environment: str) -> None:
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


@pytest.fixture(scope="module")
def frontend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the frontend with its packages, exactly those of the lock file."""
    folder = tmp_path_factory.mktemp("frontend") / "frontend"
    shutil.copytree(FRONTEND, folder, ignore=shutil.ignore_patterns("node_modules", "dist", ".env.local"))
    _npm(folder, "ci", "--no-audit", "--no-fund")
    return folder


def test_it_builds_and_takes_chatkits_element_from_openai(frontend: Path) -> None:
    _npm(
        frontend, "run", "build", VITE_STREAM_URL="https://stream.example.com", VITE_API_URL="https://api.example.com/"
    )
    page = (frontend / "dist" / "index.html").read_text()
    assert "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js" in page
    assert "stand-in" not in page
    [script] = (frontend / "dist" / "assets").glob("*.js")
    assert "https://stream.example.com" in script.read_text()


@dataclass(frozen=True)
class Served:
    """The built page, and the dev server behind it."""

    url: str
    server: DevServer


@pytest.fixture(scope="module")
def served(frontend: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = DevServer(tmp_path_factory.mktemp("dev"), {"ALLOWED_ORIGINS": url})
    settings = {
        "VITE_STREAM_URL": server.stream_url.removesuffix("chatkit/api"),
        "VITE_API_URL": server.chat_url.removesuffix("chatkit/api"),
        "STAND_IN": server.origin,
    }
    preview: subprocess.Popen[bytes] | None = None
    try:
        _npm(frontend, "run", "build", **settings)
        command = ["node", "node_modules/vite/bin/vite.js", "preview", "--host", "127.0.0.1", "--port", str(port)]
        preview = subprocess.Popen(
            [*command, "--strictPort"],
            cwd=frontend,
            env={**os.environ, **NODE, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        _wait_for(url, preview)
        yield Served(url, server)
    finally:
        if preview is not None:
            preview.terminate()
            preview.wait(20)
        server.stop()


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


def test_it_talks_uploads_and_remembers_with_each_request_where_it_belongs(
    served: Served, profile: BrowserContext
) -> None:
    from playwright.sync_api import expect

    expect.set_options(timeout=TURN_MILLISECONDS)
    requests: list[Request] = []
    with open_page(profile) as page:
        page.on("request", lambda request: requests.append(request))
        page.add_init_script(f"sessionStorage.setItem('token', '{served.server.token(user='react')}')")
        chat = Chat(page, served.url).open()
        chat.send("add task feed the heron")
        expect(chat.items("assistant_message").or_(chat.items("widget")).last).to_be_visible()
        expect(chat.button("Send")).to_be_visible()
        page.locator("input[type=file]").set_input_files(NOTE)
        expect(page.get_by_role("list", name="Attachments")).to_contain_text("26 B")
        chat.send("What have I sent?")
        expect(chat.answer).to_contain_text("What have I sent?")
        page.reload()
        expect(chat.items("user_message")).to_have_count(2)

    ours = [request for request in requests if request.url.endswith("/chatkit/api") and request.method == "POST"]
    kinds = {json.loads(request.post_data or "")["type"]: request for request in ours}
    assert kinds["threads.create"].url == kinds["threads.add_user_message"].url == served.server.stream_url
    assert kinds["attachments.create"].url == kinds["threads.get_by_id"].url == served.server.chat_url
    assert all(request.headers["authorization"].startswith("Bearer ") for request in ours)
    [put] = [request for request in requests if request.method == "PUT"]
    assert put.url.startswith(served.server.aws_endpoint_url)
    assert "authorization" not in put.headers
