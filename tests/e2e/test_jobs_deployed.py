"""A stack with jobs on a local AWS that enforces IAM: a tool starts one, which shows its progress and ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import pytest

from assistant.aws.keys import put_off_sk
from local.emulator import Emulator
from tests.support.deployed import Deployed
from tests.support.sam import checkout
from tests.support.sample import needs_sample

pytestmark = [pytest.mark.exhaustive, needs_sample]

VISITOR_KEY = "chatkit/visitors"
ORIGIN = "https://app.example.com"
WITH = [
    "AuthMode=visitor",
    f"VisitorKeySecret={VISITOR_KEY}",
    "VisitorRole=user",
    "VisitorTurnsPerMinute=100",
    "Jobs=true",
    f"AllowedOrigins={ORIGIN}",
]
COUNT = "!tool count_invoices"
# The function takes ten seconds for its first import here, and the job one for each invoice.
END_SECONDS = 300
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deploy")
    with Emulator(folder / "aws") as emulator:
        yield Deployed(checkout(folder / "checkout"), emulator)


def test_a_job_runs_with_the_rights_of_the_template(deployment: Deployed) -> None:
    deployment.build()
    deployment.client("secretsmanager").create_secret(Name=VISITOR_KEY, SecretString="k" * 32)
    deployment.deploy(*WITH)
    assert "JobFunction" in deployment.live_versions()
    # The local AWS speaks plain HTTP, which the bucket's policy refuses.
    deployment.client("s3").delete_bucket_policy(Bucket=deployment.outputs["BucketName"])
    status, answer = deployment.call("ApiUrl", "/chatkit/api/visitor", {})
    assert status == HTTPStatus.OK, answer
    deployment.token = json.loads(answer)["token"]

    _a_job_shows_its_progress_and_ends(deployment)
    _a_job_is_cancelled(deployment)
    _the_role_has_a_turns_rights_and_starts_nothing(deployment)
    _without_the_right_to_start_it_a_job_waits(deployment)
    checked = deployment.make(
        "smoke",
        URL=deployment.address("ChatUrl"),
        UPLOAD_URL=deployment.address("UploadUrl"),
        ORIGIN=ORIGIN,
        TOKEN=str(deployment.token),
    )
    assert "its end is in the thread" in checked


def _a_job_shows_its_progress_and_ends(deployment: Deployed) -> None:
    thread = _start(deployment)
    seen: set[str] = set()

    def ended() -> bool:
        card = _card(deployment, thread)
        seen.add(json.dumps(card))
        return bool(card["key"] == "job.ended")

    _until(ended)
    assert any("%" in card for card in seen), "no progress was shown"
    items = deployment.chat("items.list", thread_id=thread, limit=20, order="asc")["data"]
    assert "I have counted" in items[-1]["content"][0]["text"]
    assert _card(deployment, thread)["status"]["text"] == "Done"


def _a_job_is_cancelled(deployment: Deployed) -> None:
    thread = _start(deployment)
    # The job takes three seconds, so the click does not wait until the card says that it works.
    _cancel(deployment, thread)
    _until(lambda: _last_text(deployment, thread).endswith("was cancelled."))
    assert _card(deployment, thread)["status"]["text"] == "Cancelled"


def _the_role_has_a_turns_rights_and_starts_nothing(deployment: Deployed) -> None:
    attached = _policies(deployment, "JobFunctionRole")
    assert [name for name in attached if "TurnPolicy" in name]
    assert not [name for name in attached if "JobPolicy" in name or "KnowledgePolicy" in name]
    # What a job needs of it: without it, the job cannot even be claimed.
    iam, role = deployment.client("iam"), _role(deployment, "JobFunctionRole")
    [policy] = [arn for name, arn in attached.items() if "TurnPolicy" in name]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    thread = _start(deployment)
    time.sleep(5)
    assert _card(deployment, thread)["status"]["text"] == "Waiting", "the local AWS does not enforce the job's rights"
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    _cancel(deployment, thread)


def _without_the_right_to_start_it_a_job_waits(deployment: Deployed) -> None:
    iam, role = deployment.client("iam"), _role(deployment, "ChatFunctionRole")
    [policy] = [arn for name, arn in _policies(deployment, "ChatFunctionRole").items() if "JobPolicy" in name]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    thread = _start(deployment)
    time.sleep(5)
    assert _card(deployment, thread)["status"]["text"] == "Waiting"
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    # Its work is in the table. The sweep, which has the right too, starts it.
    _make_due(deployment)
    sweep = deployment.functions()["SweepFunction"]
    swept = deployment.client("lambda").invoke(FunctionName=f"{sweep}:live", Payload=b"{}")
    assert json.loads(swept["Payload"].read())["failed"] == 0
    _until(lambda: _card(deployment, thread)["key"] == "job.ended")
    assert "I have counted" in _last_text(deployment, thread)


def _make_due(deployment: Deployed) -> None:
    """Move the sweep's work on jobs to a time that is over."""
    table = deployment.client("dynamodb")
    name = deployment.outputs["TableName"]
    for row in table.scan(TableName=name)["Items"]:
        if row.get("kind", {}).get("S") != "job":
            continue
        key = {part: row[part] for part in ("pk", "sk")}
        table.delete_item(TableName=name, Key=key)
        table.put_item(TableName=name, Item={**row, "sk": {"S": put_off_sk(row["sk"]["S"], LONG_AGO)}})


def _start(deployment: Deployed) -> str:
    status, answer = deployment.call("ApiUrl", "/chatkit/api", {"message": {"content": COUNT}})
    assert status == HTTPStatus.OK, answer
    return str(json.loads(answer)["thread_id"])


def _items(deployment: Deployed, thread: str) -> list[dict[str, Any]]:
    return list(deployment.chat("items.list", thread_id=thread, limit=20, order="asc")["data"])


def _card(deployment: Deployed, thread: str) -> dict[str, Any]:
    items = _items(deployment, thread)
    cards = [item["widget"] for item in items if item["type"] == "widget"]
    assert cards, items
    return dict(cards[-1])


def _last_text(deployment: Deployed, thread: str) -> str:
    said = [item for item in _items(deployment, thread) if item["type"] == "assistant_message"]
    return str(said[-1]["content"][0]["text"])


def _cancel(deployment: Deployed, thread: str) -> None:
    """Click the button of the card."""
    [widget] = [item for item in _items(deployment, thread) if item["type"] == "widget"]
    [button] = [part for part in widget["widget"]["children"] if part["type"] == "Button"]
    action = {name: button["onClickAction"][name] for name in ("type", "payload")}
    deployment.chat("threads.sync_custom_action", thread_id=thread, item_id=widget["id"], action=action)


def _role(deployment: Deployed, part: str) -> str:
    roles = deployment.client("iam").list_roles()["Roles"]
    [name] = [each["RoleName"] for each in roles if part in each["RoleName"]]
    return str(name)


def _policies(deployment: Deployed, role_part: str) -> dict[str, str]:
    listed = deployment.client("iam").list_attached_role_policies(RoleName=_role(deployment, role_part))
    return {each["PolicyName"]: each["PolicyArn"] for each in listed["AttachedPolicies"]}


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + END_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)
