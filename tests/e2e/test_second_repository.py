"""A team's repository, made from this one by `make new` alone: all that they add, run, deploy, trace and upgrade.

No file of the platform is edited on the way. The last step compares.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx2
import pytest

from local.emulator import Emulator
from local.settings import ROOT
from scripts.upgrade import GENERATED
from tests.support.checkout import run_in
from tests.support.collector import Collector
from tests.support.deployed import Deployed
from tests.support.dev import DevServer
from tests.support.own_package import link_environments

pytestmark = pytest.mark.exhaustive

AGENTS = Path("layers/agents/garden")
VISITOR_KEY = "chatkit/visitors"
MAKE = ("make", "--no-print-directory")
WHO = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")

TOOLS = '''"""What the team adds: a library, an AWS service, a variable, a right, and a tool that fails."""

from typing import Any

import boto3
from agents.tool_context import ToolContext
from sortedcontainers import SortedList  # type: ignore[import-untyped]  # it has no types

from assistant.agent import assistant_tool
from assistant.settings import read_variables
from garden.settings import Variables


def send_plants(context: ToolContext[Any], plants: list[str]) -> str:
    """Send plants."""
    own = read_variables(Variables)
    named = own.garden_joiner.join(SortedList(plants))
    boto3.client("sqs").send_message(QueueUrl=own.garden_queue, MessageBody=named)
    return f"sent {named}"


def break_a_pot(context: ToolContext[Any]) -> str:
    """Fail."""
    pots: list[str] = []
    return pots[3]


MORE = [assistant_tool(send_plants), assistant_tool(break_a_pot)]
'''
VARIABLES = """    garden_queue: str = variable("The queue of the parcels.")
    garden_joiner: str = variable("What stands between two plants.", default="+")
"""
STACK = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: The garden's own resources
Parameters:
  Name: { Type: String }
Resources:
  Parcels:
    Type: AWS::SQS::Queue
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - { Effect: Allow, Action: "sqs:SendMessage", Resource: !GetAtt Parcels.Arn }
Outputs:
  GardenQueue: { Value: !Ref Parcels }
  GardenPolicyArn: { Value: !Ref Policy }
"""
SEND = '!tool send_plants {"plants": ["rose", "oak"]}'


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *WHO, *words], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, (path, old)
    path.write_text(text.replace(old, new, 1))


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The team's repository: a clone, `make new`, and what they add to the package."""
    folder = tmp_path_factory.mktemp("team")
    git(folder, "clone", "--quiet", "--shared", str(ROOT), "mine")
    root = folder / "mine"
    link_environments(root)
    (root / ".git/info/exclude").write_text(".venv\n.envs\n")
    run_in(root, *MAKE, "new", "NAME=garden")
    package = root / AGENTS
    (package / "more.py").write_text(TOOLS)
    (package / "stack.yaml").write_text(STACK)
    change(package / "agents.py", "tools=[keep_note]", "tools=[keep_note, *MORE]")
    change(package / "agents.py", "from garden.tools import", "from garden.more import MORE\nfrom garden.tools import")
    with (package / "settings.py").open("a") as settings:
        settings.write(VARIABLES)
    libraries = '"sortedcontainers>=2.4", "opentelemetry-sdk>=1.45", "opentelemetry-exporter-otlp-proto-http>=1.45"'
    change(package / "pyproject.toml", "dependencies = []", f"dependencies = [{libraries}]")
    change(package / "pyproject.toml", "aws_services = []", 'aws_services = ["sqs"]')
    run_in(root, *MAKE, "package")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "Our garden")
    return root


def say(url: str, text: str) -> str:
    answer = httpx2.post(url, json={"message": {"content": text}}, timeout=120)
    assert answer.status_code == HTTPStatus.OK, answer.text
    return str(answer.json()["content"])


def test_their_server_runs_their_tools_says_where_one_fails_and_sends_traces(repository: Path, tmp_path: Path) -> None:
    with Collector() as collector:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "AGENT_FACTORY": ""}
        server = DevServer(tmp_path, traced, root=repository)
        try:
            assert say(server.chat_url, SEND).endswith("sent oak+rose")
            say(server.chat_url, "!tool break_a_pot {}")
            told = server.await_line(".*IndexError.*")
            assert "garden/more.py" in told + "".join(server.lines)
            [tool] = [span for span in collector.wait_for("execute_tool send_plants") if not span.failed]
            assert tool.trace_id
        finally:
            server.stop()


def test_their_tests_style_and_evaluations_are_green(repository: Path) -> None:
    run_in(repository, *MAKE, "lint")
    run_in(repository, ".venv/bin/mypy", str(AGENTS), "tests/unit/garden", "tests/integration/garden")
    # The package's tests set the variable that has no default, as their own `.env` does.
    tests = ("tests/unit/garden", "tests/integration/garden")
    run_in(repository, ".venv/bin/pytest", "-q", "-p", "no:cacheprovider", *tests, GARDEN_QUEUE="none")
    assert "2 of 2 on demo" in run_in(repository, *MAKE, "eval", LLM_PROVIDER="demo", AGENT_FACTORY="")


@pytest.fixture(scope="module")
def deployment(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with Emulator(tmp_path_factory.mktemp("aws")) as emulator:
        yield Deployed(repository, emulator)


def test_it_is_built_and_deployed_with_their_rights(deployment: Deployed) -> None:
    deployment.client("secretsmanager").create_secret(Name=VISITOR_KEY, SecretString="k" * 32)
    deployment.build()
    deployment.deploy("AuthMode=visitor", f"VisitorKeySecret={VISITOR_KEY}", "GardenJoiner=-")
    status, answer = deployment.call("ApiUrl", "/chatkit/api/visitor", {})
    assert status == HTTPStatus.OK, answer
    deployment.token = json.loads(answer)["token"]
    status, answer = deployment.call("ChatUrl", "/chatkit/api", {"message": {"content": SEND}})
    assert (status, json.loads(answer)["content"]) == (HTTPStatus.OK, "send_plants answered: sent oak-rose")


def test_a_release_is_merged_and_no_file_of_the_platform_was_edited(repository: Path) -> None:
    git(repository, "checkout", "--quiet", "-B", "release", "origin/HEAD")
    change(repository / "README.md", "\n", "\nA line of the next release.\n")
    git(repository, "commit", "--quiet", "--all", "--message", "The next release")
    git(repository, "checkout", "--quiet", "-")
    names = {f"GIT_{role}_{what}": "ann@example.com" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    assert "Upgraded to release" in run_in(repository, *MAKE, "upgrade", "TO=release", **names)
    changed = git(repository, "diff", "--name-only", "release", "HEAD").split("\n")
    theirs = ("layers/agents/garden/", "layers/agents/agents.toml", "tests/")
    assert [path for path in changed if not path.startswith(theirs) and path not in GENERATED] == []
    assert [path for path in changed if path.startswith("tests/") and "/garden/" not in path] == []
