"""The code of `docs/import.md` writes what `make import` reads."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from assistant.context import RequestContext, Resources
from assistant.identity import Caller
from assistant.threads import ThreadStore
from local.settings import ROOT
from scripts.import_threads import import_all
from scripts.importing.source import Source
from tests.support.conversations import new_thread, talk

pytestmark = pytest.mark.anyio

CODE = re.compile(r"```python\n# (?P<name>\w+\.py)\n(?P<code>.*?)```", re.DOTALL)
# More than one page.
MANY = 120


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    for match in CODE.finditer((ROOT / "docs" / "import.md").read_text(encoding="utf-8")):
        (tmp_path / match["name"]).write_text(match["code"], encoding="utf-8")
    return tmp_path


async def _ids(resources: Resources, user: Caller) -> dict[str, list[str]]:
    """Return the ids of the items of each thread of a user."""
    store, context = ThreadStore(resources), RequestContext(user, resources)
    found: dict[str, list[str]] = {}
    for thread in (await store.load_threads(100, None, "asc", context)).data:
        items, after, more = found.setdefault(thread.id, []), None, True
        while more:
            read = await store.load_thread_items(thread.id, after, 100, "asc", context)
            items += [item.id for item in read.data]
            after, more = read.after, read.has_more
    return found


async def test_the_dump_of_a_store_is_imported(
    resources: Resources, page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(page))
    from dump import dump  # type: ignore[import-not-found]  # the page's module

    user, other = Caller("acme", "ann-dump"), Caller("globex", "ann-dump")
    store, context = ThreadStore(resources), RequestContext(user, resources)
    for thread_id, count in (("theirs", MANY), ("empty", 0)):
        await store.save_thread(new_thread(thread_id), context)
        for item in talk(thread_id, [str(number) for number in range(count)]):
            await store.add_thread_item(thread_id, item, context)
    out = io.StringIO()
    await dump(store, context, out)
    (page / "threads.jsonl").write_text(out.getvalue(), encoding="utf-8")
    done = await import_all(resources, other, Source(page / "threads.jsonl", None))
    assert done["imported"] == 2
    assert await _ids(resources, other) == await _ids(resources, user)


class _OpenAI(BaseHTTPRequestHandler):
    """Lists two threads and many items, as OpenAI's API does."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        common: dict[str, Any] = {"created_at": 1_700_000_000}
        if address.path == "/v1/chatkit/threads":
            assert (asked["user"], asked["order"]) == ("hosted-ann", "asc")
            thread = {**common, "object": "chatkit.thread", "status": {"type": "active"}, "title": None, "user": "u"}
            found = [{**thread, "id": f"cthr_{number}"} for number in range(2)]
        else:
            thread_id = address.path.split("/")[4]
            item = {**common, "object": "chatkit.thread_item", "thread_id": thread_id, "type": "chatkit.user_message"}
            item |= {"attachments": [], "inference_options": None, "content": [{"type": "input_text", "text": "hi"}]}
            found = [{**item, "id": f"cthi_{number}"} for number in range(MANY)]
        names = [each["id"] for each in found]
        start = names.index(asked["after"]) + 1 if "after" in asked else 0
        data = found[start : start + int(asked["limit"])]
        more = start + len(data) < len(found)
        body = json.dumps({"object": "list", "data": data, "has_more": more, "last_id": data[-1]["id"]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def openai_url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _OpenAI) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


async def test_hosted_threads_are_fetched_and_imported(resources: Resources, page: Path, openai_url: str) -> None:
    environment = {"PATH": os.environ["PATH"], "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": openai_url}
    command = [sys.executable, str(page / "fetch.py"), "hosted-ann"]
    # The server's thread answers meanwhile.
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: ASYNC221 - nothing else runs meanwhile
    assert done.returncode == 0, done.stderr
    (page / "threads.jsonl").write_text(done.stdout, encoding="utf-8")
    user = Caller("acme", "ann-fetched")
    assert (await import_all(resources, user, Source(page / "threads.jsonl", None)))["imported"] == 2
    expected = [f"cthi_{number}" for number in range(MANY)]
    assert await _ids(resources, user) == {f"cthr_{number}": expected for number in range(2)}
