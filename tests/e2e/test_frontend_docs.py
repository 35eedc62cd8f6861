"""The examples of the pages for frontends: the types of all of them hold, and the page without a build runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from local.settings import ROOT
from tests.support.browser import open_page
from tests.support.chat_page import Chat
from tests.support.frontend import NODE, PACKAGE, Served, run_npm
from tests.support.stored import stored

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

pytestmark = pytest.mark.exhaustive

PAGES = ("frontend.md", "from-agent-builder.md")
DOCS = "".join((ROOT / "docs" / page).read_text() for page in PAGES)
EXAMPLES = dict(re.findall(r"<!-- example: (\S+) -->\n```\w+\n(.*?)```", DOCS, flags=re.DOTALL))
TYPES = [
    "@openai/chatkit@1.9.0",
    "@openai/chatkit-react@1.6.1",
    "@types/node@26.6.7",
    "@types/react@19.3.0",
    "react@19.3.1",
    "react-dom@19.3.1",
    "vue@3.5.45",
    "next@16.4.6",
    "@angular/core@22.2.6",
    "rxjs@7.8.2",
]
COMPILER = {
    "target": "ES2022",
    "lib": ["ES2022", "DOM", "DOM.Iterable"],
    "module": "ESNext",
    "moduleResolution": "bundler",
    "jsx": "react-jsx",
    "strict": True,
    "noEmit": True,
    "skipLibCheck": True,
    "experimentalDecorators": True,
    "types": ["node"],
}
TURN_MILLISECONDS = 60_000


def test_the_types_of_the_examples_hold(frontend: Path, tmp_path: Path) -> None:
    run_npm(frontend / PACKAGE, "pack", "--pack-destination", str(tmp_path))
    [archive] = tmp_path.glob("*.tgz")
    run_npm(tmp_path, "init", "--yes")
    # The packages' types are enough: no script of theirs runs, and no binary comes.
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional"]
    run_npm(tmp_path, "install", *quiet, str(archive), *TYPES)
    source = tmp_path / "src"
    source.mkdir()
    typed = {name: text for name, text in EXAMPLES.items() if name.endswith((".ts", ".tsx"))}
    assert sorted(typed) == ["angular.ts", "hosted.tsx", "next.tsx", "own.tsx", "react.tsx", "theme.ts", "vue.ts"]
    for name, text in typed.items():
        (source / name).write_text(text)
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": COMPILER, "include": ["src"]}))
    compiler = ["node", str(frontend / "node_modules/typescript/bin/tsc"), "-p", str(tmp_path)]
    done = subprocess.run(compiler, env=NODE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_plain_page_runs_as_printed(served: Served, frontend: Path, profile: BrowserContext) -> None:
    expect.set_options(timeout=TURN_MILLISECONDS)
    server = served.server
    html = EXAMPLES["plain.html"]
    for name, url in (("STREAM_URL", server.stream_url), ("API_URL", server.chat_url)):
        html = html.replace(f"https://{name}/", url.removesuffix("chatkit/api"))
    # Offline the stand-in takes the place of OpenAI's element: its tags are those that the example app's build wrote.
    tags = re.findall(
        r'<script type="importmap">.*?</script>|<script type="module" src="/stand-in[^>]*></script>',
        (frontend / "dist" / "index.html").read_text(),
        flags=re.DOTALL,
    )
    assert len(tags) == 2
    html, count = re.subn(r'<script src="https://cdn[^>]*></script>', "".join(tags), html)
    assert count == 1

    (frontend / "dist" / "plain.html").write_text(html)
    shutil.copytree(frontend / PACKAGE / "dist", frontend / "dist" / PACKAGE.name, dirs_exist_ok=True)
    with open_page(profile) as page:
        page.add_init_script(f"sessionStorage.setItem('token', '{server.token(user='plain')}')")
        chat = Chat(page, served.url).open(path="/plain.html")
        chat.send("add task water the ferns")
        expect(chat.answer).to_contain_text("water the ferns")
        page.reload()
        expect(chat.answer).to_contain_text("water the ferns")
    held = stored(server, "plain")
    assert (held.tasks, held.turns) == (1, {"done": 1})
