"""A stack with jobs on a local AWS that enforces IAM: a tool starts one, which shows its progress and ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import jwt
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
    _the_durable_function_goes_on_by_itself(deployment)


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
    thread = _waiting_job(deployment)
    time.sleep(5)
    assert _card(deployment, thread)["status"]["text"] == "Waiting"
    # Its work is in the table. The sweep, which has the right too, starts it.
    _make_due(deployment)
    sweep = deployment.functions()["SweepFunction"]

    def swept_until_it_ends() -> bool:
        # A busy machine may lose the start, as AWS may. The next run of the sweep repeats it.
        swept = deployment.client("lambda").invoke(FunctionName=f"{sweep}:live", Payload=b"{}")
        assert json.loads(swept["Payload"].read())["failed"] == 0
        return bool(_card(deployment, thread)["key"] == "job.ended")

    _until(swept_until_it_ends)
    assert "I have counted" in _last_text(deployment, thread)


def _the_durable_function_goes_on_by_itself(deployment: Deployed) -> None:
    """Run a job in the built durable function, whose invocations have time for a second of work."""
    arn = _make_durable_function(deployment)
    thread = _waiting_job(deployment)
    [widget] = [item for item in _items(deployment, thread) if item["type"] == "widget"]
    payload = next(part for part in widget["widget"]["children"] if part["type"] == "Button")["onClickAction"][
        "payload"
    ]
    subject = jwt.decode(str(deployment.token), options={"verify_signature": False})["sub"]
    event = {"tenant_id": "visitors", "user_id": subject, "thread_id": thread, **payload}
    functions = deployment.client("lambda")
    answer = functions.invoke(FunctionName=arn, Payload=json.dumps(event).encode())
    assert "FunctionError" not in answer, answer["Payload"].read()
    _until(lambda: _card(deployment, thread)["key"] == "job.ended")
    assert "I have counted" in _last_text(deployment, thread)

    def history() -> list[str]:
        found = functions.get_durable_execution_history(DurableExecutionArn=answer["DurableExecutionArn"])
        return [each["EventType"] for each in found["Events"]]

    _until(lambda: "ExecutionSucceeded" in history())
    # Each slice is one step, and a wait is between two of them.
    slices = history().count("StepSucceeded")
    assert slices > 1
    assert history().count("WaitSucceeded") == slices - 1
    assert history().count("InvocationCompleted") == slices


def _make_durable_function(deployment: Deployed) -> str:
    """Make the function of what `sam build` has made. The local AWS makes none from the template: docs/jobs.md."""
    functions, iam = deployment.client("lambda"), deployment.client("iam")
    like = functions.get_function_configuration(FunctionName=deployment.functions()["JobFunction"])
    code = BytesIO()
    with ZipFile(code, "w") as archive:
        folder = deployment.root / ".aws-sam" / "build" / "DurableJobFunction"
        for path in sorted(folder.rglob("*")):
            archive.write(path, path.relative_to(folder))
    statement = {
        "Effect": "Allow",
        "Action": ["lambda:CheckpointDurableExecution", "lambda:GetDurableExecutionState"],
        "Resource": "arn:aws:lambda:*:*:function:durable:*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=_role(deployment, "JobFunctionRole"), PolicyName="durable", PolicyDocument=policy)

    def enable(params: dict[str, Any], **_: Any) -> None:
        # Lambda has no such setting, but the local AWS asks for it.
        body = json.loads(params["body"])
        body["DurableConfig"]["Enabled"] = True
        params["body"] = json.dumps(body).encode()

    functions.meta.events.register("before-call.lambda.CreateFunction", enable)
    made = functions.create_function(
        FunctionName="durable",
        Runtime=like["Runtime"],
        Role=like["Role"],
        Handler=like["Handler"],
        Layers=[each["Arn"] for each in like["Layers"]],
        Environment={"Variables": like["Environment"]["Variables"]},
        Code={"ZipFile": code.getvalue()},
        # A second more than the margin at the end of an invocation.
        Timeout=121,
        DurableConfig={"ExecutionTimeout": 600, "RetentionPeriodInDays": 1},
    )
    return str(made["FunctionName"])


def _waiting_job(deployment: Deployed) -> str:
    """Start a job that its function does not get, and return its thread."""
    iam, role = deployment.client("iam"), _role(deployment, "ChatFunctionRole")
    [policy] = [arn for name, arn in _policies(deployment, "ChatFunctionRole").items() if "JobPolicy" in name]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    thread = _start(deployment)
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    return thread


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
