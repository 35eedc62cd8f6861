"""`make package && sam build && sam deploy` of a package with its own stack, on a local AWS that enforces IAM."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from local.emulator import Emulator
from tests.support.build import MACHINE
from tests.support.deployed import Deployed
from tests.support.dev import clean_environment
from tests.support.own_package import checkout_with_bookmill
from tests.support.sam import SAM

pytestmark = pytest.mark.exhaustive

KEY = "bookmill/key"
VISITOR_KEY = "chatkit/visitors"
ORDER = '!tool order {"books": ["b", "a"]}'
OPEN = ["AuthMode=visitor", f"VisitorKeySecret={VISITOR_KEY}", f"BookmillKeySecret={KEY}", "Jobs=true"]
# A first invocation imports all of the platform.
JOB_SECONDS = 120


def _make(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["make", "--silent", *words]
    return subprocess.run(command, cwd=root, env=clean_environment(), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("shop")
    root = checkout_with_bookmill(folder / "checkout")
    done = _make(root, "package")
    assert done.returncode == 0, done.stderr
    with Emulator(folder / "aws") as emulator:
        yield Deployed(root, emulator)


def _say(deployment: Deployed, text: str) -> tuple[int, Any]:
    status, answer = deployment.call("ChatUrl", "/chatkit/api", {"message": {"content": text}})
    return status, json.loads(answer)


def test_a_package_is_deployed_with_its_library_service_variable_secret_table_and_right(deployment: Deployed) -> None:
    secrets = deployment.client("secretsmanager")
    secrets.create_secret(Name=VISITOR_KEY, SecretString="k" * 32)
    secrets.create_secret(Name=KEY, SecretString="twelve-chars")
    deployment.build()
    deployment.deploy(*OPEN)
    status, answer = deployment.call("ApiUrl", "/chatkit/api/visitor", {})
    assert status == HTTPStatus.OK, answer
    deployment.token = json.loads(answer)["token"]

    status, said = _say(deployment, ORDER)
    assert (status, said["content"]) == (HTTPStatus.OK, "order answered: ordered a,b with a key of 12 characters")
    dynamodb = deployment.client("dynamodb")
    [table] = [name for name in dynamodb.list_tables()["TableNames"] if "Orders" in name]
    assert [row["id"]["S"] for row in dynamodb.scan(TableName=table)["Items"]] == ["a,b"]

    # Its job too has the package's variables and the policy of its stack.
    status, said = _say(deployment, '!tool order_later {"books": ["d", "c"]}')
    assert status == HTTPStatus.OK, said
    deadline = time.monotonic() + JOB_SECONDS
    while "c,d" not in [row["id"]["S"] for row in dynamodb.scan(TableName=table)["Items"]]:
        assert time.monotonic() < deadline, "the job does not reach the package's table"
        time.sleep(1)

    # The service that the package does not declare is not in the layer either.
    assert "internal_error" in _say(deployment, "!tool announce {}")[1]["content"]

    # A variable's value alone reaches the functions.
    deployment.deploy(*OPEN, "BookmillMost=1")
    assert _say(deployment, ORDER)[1]["content"] == "order answered: at most 1"
    deployment.deploy(*OPEN, "BookmillMost=5")

    # Without the policy of the package's stack the tool is refused.
    iam = deployment.client("iam")
    [role] = [entry["RoleName"] for entry in iam.list_roles()["Roles"] if "ChatFunctionRole" in entry["RoleName"]]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    [policy] = [each["PolicyArn"] for each in attached if "AgentsPackage" in each["PolicyName"]]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    assert "internal_error" in _say(deployment, ORDER)[1]["content"]
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    assert "ordered a,b" in _say(deployment, ORDER)[1]["content"]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("__init__.py", "def build_agent", "def build", "AGENT_FACTORY is bookmill:build_agent, and bookmill/__init__"),
        ("tools.py", "import boto3", "import boto3\nimport hypothesis", "the layer has no library with the module hyp"),
        ("pyproject.toml", '"sqs"', '"sqz"', "deployment.yaml is not made from bookmill as it is now"),
    ],
)
def test_a_build_ends_with_what_the_layer_lacks(deployment: Deployed, name: str, old: str, new: str, told: str) -> None:
    file = deployment.root / "layers" / "agents" / "bookmill" / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    command = [str(SAM / "sam"), "build", "--build-dir", str(deployment.root / ".build" / "failing")]
    path = f"{deployment.root / '.venv' / 'bin'}:{SAM}:{clean_environment()['PATH']}"
    environment = clean_environment(ARCH=MACHINE, PATH=path, SAM_CLI_TELEMETRY="0")
    done = subprocess.run(command, cwd=deployment.root, env=environment, capture_output=True, text=True, check=False)
    file.write_text(text)
    assert done.returncode != 0
    assert told in done.stderr
