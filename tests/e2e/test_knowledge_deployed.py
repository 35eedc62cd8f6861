"""A stack with knowledge on a local AWS that enforces IAM: a document is added by command, read, cited and removed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus

import pytest

from local.emulator import Emulator
from local.template import knowledge_table, load_template
from tests.support.deployed import STACK, Deployed
from tests.support.sam import checkout
from tests.support.sample import needs_sample

pytestmark = [pytest.mark.exhaustive, needs_sample]

VISITOR_KEY = "chatkit/visitors"
WITH = [
    "AuthMode=visitor",
    f"VisitorKeySecret={VISITOR_KEY}",
    "VisitorRole=user",
    "VisitorTurnsPerMinute=100",
    "Knowledge=dynamodb",
]
ASK = {"message": {"content": '!tool search_knowledge {"question": "Where do storks nest?"}'}}
# The index of the local AWS is ready after twelve seconds.
READY_SECONDS = 300


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deploy")
    with Emulator(folder / "aws") as emulator:
        yield Deployed(checkout(folder / "checkout"), emulator)


def test_a_document_is_read_and_cited_with_the_rights_of_the_template(deployment: Deployed) -> None:
    deployment.build()
    deployment.client("secretsmanager").create_secret(Name=VISITOR_KEY, SecretString="k" * 32)
    deployment.deploy(*WITH)
    assert "IngestFunction" in deployment.live_versions()
    _make_index(deployment)
    # The local AWS speaks plain HTTP, which the bucket's policy refuses.
    deployment.client("s3").delete_bucket_policy(Bucket=deployment.outputs["BucketName"])
    status, answer = deployment.call("ApiUrl", "/chatkit/api/visitor", {})
    assert status == HTTPStatus.OK, answer
    deployment.token = json.loads(answer)["token"]

    file = deployment.root / "storks.txt"
    file.write_text("Storks nest on the town hall.")
    added = deployment.make("add-document", TENANT="visitors", FILE=str(file), STACK=STACK)
    document = added.split()[0]
    _until(lambda: "ready" in deployment.make("documents", TENANT="visitors", STACK=STACK))
    said = deployment.call("ApiUrl", "/chatkit/api", ASK)[1].decode()
    assert "Storks nest on the town hall." in said
    # A visitor has no documents of their own, and changes none of the tenant.
    path = "/chatkit/api/knowledge/documents"
    assert deployment.call("ApiUrl", f"{path}?scope=user")[0] == HTTPStatus.NOT_FOUND
    assert deployment.call("ApiUrl", f"{path}?scope=tenant")[0] == HTTPStatus.FORBIDDEN

    policy = _without_policy(deployment, "ChatFunctionRole", "KnowledgePolicy")
    said = deployment.call("ApiUrl", "/chatkit/api", ASK)[1].decode()
    assert "store_unavailable" in said, "the local AWS does not enforce the rights of a search"
    iam = deployment.client("iam")
    iam.attach_role_policy(RoleName=policy[0], PolicyArn=policy[1])

    deployment.make("remove-document", TENANT="visitors", REMOVE=document, STACK=STACK)
    assert "Storks" not in deployment.call("ApiUrl", "/chatkit/api", ASK)[1].decode()


def _make_index(deployment: Deployed) -> None:
    """Add the index that the local AWS drops from a template."""
    dynamodb, name = deployment.client("dynamodb"), deployment.outputs["KnowledgeTableName"]
    properties = knowledge_table(load_template(), 256)
    [index] = properties["VectorIndexes"]
    if dynamodb.describe_table(TableName=name)["Table"].get("VectorIndexes"):
        return
    defined = properties["AttributeDefinitions"]
    dynamodb.update_table(TableName=name, AttributeDefinitions=defined, VectorIndexUpdates=[{"Create": index}])

    def active() -> bool:
        found = dynamodb.describe_table(TableName=name)["Table"].get("VectorIndexes", [])
        return [each["IndexStatus"] for each in found] == ["ACTIVE"]

    _until(active)


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(1)


def _without_policy(deployment: Deployed, role_part: str, policy_part: str) -> tuple[str, str]:
    iam = deployment.client("iam")
    [role] = [each["RoleName"] for each in iam.list_roles()["Roles"] if role_part in each["RoleName"]]
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    [policy] = [each["PolicyArn"] for each in attached if policy_part in each["PolicyName"]]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    return role, policy
