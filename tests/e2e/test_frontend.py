"""The example frontend and its router package, as an adopter gets them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.settings import ROOT
from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.frontend import NODE, PACKAGE, Served, run_npm

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, FilePayload, Request

pytestmark = pytest.mark.exhaustive

NOTE: FilePayload = {"name": "note.txt", "mimeType": "text/plain", "buffer": b"The password is swordfish."}
# A first turn on a busy machine.
TURN_MILLISECONDS = 60_000


def test_it_builds_and_takes_chatkits_element_from_openai(frontend: Path) -> None:
    urls = {"VITE_STREAM_URL": "https://stream.example.com", "VITE_API_URL": "https://api.example.com/"}
    run_npm(frontend, "run", "build", "--", "--outDir", "published", **urls)
    page = (frontend / "published" / "index.html").read_text()
    assert "https://cdn.platform.openai.com/deployments/chatkit/chatkit.js" in page
    assert "stand-in" not in page
    [script] = (frontend / "published" / "assets").glob("*.js")
    assert "https://stream.example.com" in script.read_text()


def test_the_packed_router_works_in_an_empty_project_and_depends_on_nothing(frontend: Path, tmp_path: Path) -> None:
    run_npm(frontend / PACKAGE, "pack", "--pack-destination", str(tmp_path))
    [archive] = tmp_path.glob("*.tgz")
    project = tmp_path / "project"
    project.mkdir()
    run_npm(project, "init", "--yes")
    run_npm(project, "install", "--no-audit", "--no-fund", "--offline", str(archive))
    assert [path.name for path in (project / "node_modules").iterdir() if path.name[0] != "."] == [PACKAGE.name]
    (project / "use.mjs").write_text(
        """
        import { createRouter } from "chatkit-lambda-router";
        const router = createRouter({ streamUrl: "https://stream.example.com/", apiUrl: "https://api.example.com" });
        console.log(JSON.stringify([router.api("key"), router.initialThread, typeof router.fetch]));
        """
    )
    node = subprocess.run(["node", "use.mjs"], cwd=project, env=NODE, capture_output=True, text=True, check=True)
    # A server that renders pages, such as Next.js, runs this without a browser.
    api = {
        "url": "https://stream.example.com/chatkit/api",
        "domainKey": "key",
        "uploadStrategy": {"type": "two_phase"},
    }
    assert json.loads(node.stdout) == [api, None, "function"]


def test_the_playground_uses_the_package_as_it_is_built(frontend: Path) -> None:
    built = {path.name: path.read_text() for path in (frontend / PACKAGE / "dist").glob("*.js")}
    used = {path.name: path.read_text() for path in (ROOT / "local/playground/page/router").iterdir()}
    assert used == built, "run `npm run playground` in frontend/"


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
    assert not {"authorization", "idempotency-key", "x-amz-content-sha256"} & put.headers.keys()
