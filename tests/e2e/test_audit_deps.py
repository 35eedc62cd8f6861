"""`make audit-deps`: pip-audit's answer to a vulnerability, to none, and to a database that is not there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from local.settings import ROOT
from scripts.audit_deps import FILES

# Not in any of our files.
VULNERABLE = "flask"
FOUND = {
    "id": "GHSA-0000",
    "summary": "An example",
    "details": "An example",
    "published": "2026-01-01T00:00:00Z",
    "modified": "2026-01-01T00:00:00Z",
    "affected": [
        {
            "package": {"name": VULNERABLE, "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.0"}]}],
        }
    ],
}


@pytest.fixture
def database() -> Iterator[str]:
    """A database in OSV's form that knows one vulnerable package."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = json.dumps({"vulns": [FOUND]} if asked["package"]["name"] == VULNERABLE else {}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
        finally:
            server.shutdown()
            thread.join()


def audit(database: str, path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    command = [sys.executable, "-m", "scripts.audit_deps", "--database", database, str(path)]
    return subprocess.run(command, cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, check=False)


def requirement(folder: Path, name: str) -> Path:
    path = folder / "requirements.txt"
    path.write_text(f"{name}==2.4.1 --hash=sha256:{'0' * 64}\n")
    return path


def test_a_vulnerability_fails_and_is_named(database: str, tmp_path: Path) -> None:
    done = audit(database, requirement(tmp_path, VULNERABLE))
    assert done.returncode == 1
    assert "GHSA-0000" in done.stdout
    assert "3.1.0" in done.stdout


def test_a_package_without_one_passes(database: str, tmp_path: Path) -> None:
    done = audit(database, requirement(tmp_path, "harmless"))
    assert (done.returncode, "No known vulnerabilities" in done.stdout) == (0, True), done.stdout + done.stderr


@pytest.mark.parametrize(("environment", "code"), [({}, 0), ({"CI": "true"}, 2)])
def test_without_the_database_nothing_is_claimed(tmp_path: Path, environment: dict[str, str], code: int) -> None:
    done = audit("http://127.0.0.1:1/v1/query", requirement(tmp_path, VULNERABLE), **environment)
    assert done.returncode == code
    assert "Nothing was checked" in done.stdout
    assert "No known" not in done.stdout


def test_the_layer_s_requirements_can_be_audited(database: str) -> None:
    """Each line has a version and a hash, so that nothing is skipped."""
    layer = FILES[0]
    assert layer.name == "requirements.txt"
    done = audit(database, layer)
    assert (done.returncode, "No known vulnerabilities" in done.stdout) == (0, True), done.stdout + done.stderr
