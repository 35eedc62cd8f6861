"""`docs/vpc.md`: cfn-lint accepts its template, its function runs on the local AWS, and its tool calls the function."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from assistant.api import create_app
from assistant.context import Resources
from assistant.models import close_clients
from assistant.settings import load_settings
from local.merged import Merged
from local.settings import ROOT
from local.template import load_template
from tests.support.asgi import client
from tests.support.aws import Aws
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio

FILES = re.compile(r"```(?:python|yaml|toml)\n# (?P<path>ledger/\w+\.\w+)\n(?P<content>.*?)```", re.DOTALL)
FUNCTION = "ledger-reader"
# The ledger knows these, and fails for every other tenant.
INVOICES = {"/local/7": True, "/local/8%2F1": False}


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package of the page, on the path for the test's time."""
    folder = tmp_path / "ledger"
    folder.mkdir()
    for match in FILES.finditer((ROOT / "docs" / "vpc.md").read_text(encoding="utf-8")):
        (tmp_path / match["path"]).write_text(match["content"], encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "ledger"]:
        del sys.modules[name]


class _Ledger(BaseHTTPRequestHandler):
    """The private service."""

    def do_GET(self) -> None:
        known = self.path in INVOICES
        body = json.dumps({"paid": INVOICES[self.path]}).encode() if known else b""
        self.send_response(200 if known else 500 if self.path.endswith("/fails") else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture
def private_service() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Ledger) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def _deploy(aws: Aws, resources: dict[str, Any], url: str) -> None:
    """Make the function of the template on the local AWS, with its role."""
    reader, role = resources["Reader"]["Properties"], resources["Role"]["Properties"]
    trust = json.dumps(role["AssumeRolePolicyDocument"])
    made = aws.client("iam").create_role(RoleName=FUNCTION, AssumeRolePolicyDocument=trust)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("index.py", reader["Code"]["ZipFile"])
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName=FUNCTION,
        Runtime=reader["Runtime"],
        Handler=reader["Handler"],
        Timeout=reader["Timeout"],
        Role=made["Role"]["Arn"],
        Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": {"LEDGER_URL": url}},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=FUNCTION, WaiterConfig={"Delay": 1})


@pytest.fixture
async def thread(ledger: Path, aws_environment: Aws) -> AsyncIterator[StrictClient]:
    names = {"LLM_PROVIDER": "demo", "AGENT_FACTORY": "ledger:build_agent", "THREAD_TITLES": "false"}
    app = create_app(Resources(load_settings(aws_environment.environment(**names))), streaming=True)
    http: httpx2.AsyncClient = client(app)
    yield StrictClient(http)
    await http.aclose()
    await close_clients()


def test_cfn_lint_accepts_the_template_as_a_part_of_the_deployment(ledger: Path) -> None:
    command = [str(ROOT / ".envs/sam/bin/cfn-lint"), "--ignore-checks", "WS", "ES", "-t", str(ledger / "stack.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    merged = Merged(load_template(), "ledger", "ledger:build_agent")
    stack = load_template(ledger / "stack.yaml")
    merged.add_stack(stack)
    nested = merged.finish()["Resources"]["AgentsPackage"]["Properties"]["Parameters"]
    assert set(nested) == set(stack["Parameters"])
    [statement] = stack["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Fn::GetAtt": ["Reader", "Arn"]}


async def test_the_tool_asks_the_function_of_the_template(
    ledger: Path, thread: StrictClient, table_and_bucket: Aws, private_service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _deploy(table_and_bucket, load_template(ledger / "stack.yaml")["Resources"], private_service)

    async def asked(number: str) -> str:
        return await thread.say(f'!tool invoice_paid {{"number": "{number}"}}')

    # As in `make dev`, which makes no functions.
    assert "The ledger is not connected here." in await asked("7")
    monkeypatch.setenv("LEDGER_FUNCTION", FUNCTION)
    assert await asked("7") == "invoice_paid answered: It is paid."
    assert await asked("8/1") == "invoice_paid answered: It is not paid."
    # An id cannot lead to another tenant's path.
    assert await asked("../globex/7") == "invoice_paid answered: There is no such invoice."
    assert "The ledger does not answer. Try again later." in await asked("fails")
