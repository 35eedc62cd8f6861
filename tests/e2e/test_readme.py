"""The README's commands, run as they are printed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.dev import DevServer

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
CURLS = [block for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL) if "curl" in block]


def _run(block: str, server: DevServer) -> str:
    """Run a block of the README in a shell, on this test's ports in place of the printed ones."""
    stream_origin = server.stream_url.removesuffix("/chatkit/api")
    script = block.replace("http://127.0.0.1:8000", server.origin).replace("http://127.0.0.1:8001", stream_origin)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=ROOT,
        env=server.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readme_shows_every_kind_of_request() -> None:
    assert len(CURLS) == 6


@pytest.mark.parametrize("block", CURLS, ids=lambda block: " ".join(block.split()[:6]))
def test_a_curl_of_the_readme_works_as_printed(block: str, dev_server: DevServer) -> None:
    answer = _run(block, dev_server)
    last = answer.strip().split("data: ")[-1]
    parsed = json.loads(last)
    assert "error" not in parsed, parsed
    assert parsed.get("type") != "error", parsed


def test_the_snippet_sends_the_token_to_the_stack_and_nowhere_else() -> None:
    [block] = re.findall(r"```tsx\nimport .*?\n(.*?)return <", README, flags=re.DOTALL)
    script = f"""
        const STREAM_URL = "https://stream.example.com/", token = "secret", sent = [];
        const fetch = (url, init) => sent.push([url, Object.fromEntries(init.headers)]);
        const useChatKit = ({{ api }}) => {{
            api.fetch(api.url, {{ headers: {{ accept: "text/event-stream" }} }});
            api.fetch("https://bucket.example.com/a", {{ headers: new Headers({{ "content-type": "image/png" }}) }});
            return {{}};
        }};
        {block}
        console.log(JSON.stringify(sent));
    """
    node = subprocess.run([ROOT / ".venv" / "bin" / "node", "-e", script], capture_output=True, text=True, check=True)
    assert json.loads(node.stdout) == [
        ["https://stream.example.com/chatkit/api", {"accept": "text/event-stream", "authorization": "Bearer secret"}],
        ["https://bucket.example.com/a", {"content-type": "image/png"}],
    ]


def test_every_setting_is_in_the_readme() -> None:
    settings = (ROOT / "layers/agents/assistant/settings.py").read_text()
    read = set(re.findall(r'(?:text|flag|number|whole|choice|words|secret)\("([A-Z][A-Z_]+)"', settings))
    assert read
    missing = {name for name in read if f"`{name}`" not in README and name != "AWS_ENDPOINT_URL"}
    assert not missing
