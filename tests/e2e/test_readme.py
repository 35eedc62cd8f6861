"""The README's commands, run as they are printed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.snippet import expected_of_snippet, sent_by_snippet

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


def test_the_snippet_sends_each_request_where_it_belongs() -> None:
    [block] = re.findall(r"```tsx\nimport .*?\n\n(.*?)  return <", README, flags=re.DOTALL)
    snippet = block.replace("export function Chat() {", "")
    stream, api = "https://stream.example.com/", "https://api.example.com/"
    assert sent_by_snippet(snippet, STREAM_URL=stream, API_URL=api) == expected_of_snippet(stream, api)


def test_every_setting_is_in_the_readme() -> None:
    files = (ROOT / "layers/agents/assistant/settings").glob("*.py")
    settings = "".join(path.read_text() for path in files)
    readers = "text|flag|number|whole|choice|words|secret|allowed_models"
    read = set(re.findall(rf'(?:{readers})\((?:\w+, )?"([A-Z][A-Z_]+)"', settings))
    assert read
    missing = {name for name in read if f"`{name}`" not in README and name != "AWS_ENDPOINT_URL"}
    assert not missing
