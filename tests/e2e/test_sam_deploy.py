"""`sam build && sam deploy`, to its end, on a local AWS that enforces IAM: create, use, change, delete."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt
import pytest

from local.emulator import Emulator
from tests.support.deployed import STACK, Deployed
from tests.support.every_operation import OPERATIONS, use_every_operation
from tests.support.sam import checkout
from tests.support.sample import needs_sample
from tests.support.snippet import expected_of_snippet, sent_by_snippet

pytestmark = [pytest.mark.exhaustive, needs_sample]

TASK = "feed the heron"
RESTORED = "chatkit-restored"
ORIGIN = "https://app.example.com"
VISITOR_KEY = "chatkit/visitors"
# One visitor asks for as many turns in a minute as the tests do, and may write.
OPEN = [
    "AuthMode=visitor",
    f"VisitorKeySecret={VISITOR_KEY}",
    "VisitorRole=user",
    "VisitorTurnsPerMinute=500",
    "VisitorsTurnsPerMinute=1000",
    "VisitorTokensPerDay=100000000",
    "VisitorUploadsPerDay=200",
    "VisitorsTokensPerDay=100000000",
    f"AllowedOrigins={ORIGIN}",
    "StopModelsOnAlarm=true",
]


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("deploy")
    with Emulator(folder / "aws") as emulator:
        yield Deployed(checkout(folder / "checkout"), emulator)


def _upload(deployment: Deployed, output: str) -> tuple[int, Any]:
    boundary = "frame"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="notes.txt"\r\n'
        f"Content-Type: text/plain\r\n\r\nBuy a heron\r\n--{boundary}--\r\n"
    ).encode()
    status, answer = deployment.call(
        output, "/chatkit/api/upload", raw=(body, f"multipart/form-data; boundary={boundary}")
    )
    return status, json.loads(answer)


def test_the_stack_from_its_first_deploy_to_its_deletion(deployment: Deployed) -> None:
    # One story in order: each step stands on the one before, and the local AWS takes a while for each deploy.
    deployment.build()
    deployment.deploy()
    _the_default_parameters_let_nobody_in(deployment)

    first = deployment.live_versions()
    assert set(first) == {"ChatFunction", "StreamFunction", "UploadFunction", "SweepFunction"}
    data = {name: deployment.outputs[name] for name in ("TableName", "BucketName")}
    _everything_stands_on_the_alias(deployment)
    _the_snippet_sends_each_request_where_it_belongs(deployment)
    deployment.client("secretsmanager").create_secret(Name=VISITOR_KEY, SecretString="k" * 32)
    deployment.deploy(*OPEN)
    second = deployment.live_versions()
    assert all(int(second[name]) > int(first[name]) for name in first), "a parameter's value alone reaches no alias"

    status, answer = deployment.call("ApiUrl", "/chatkit/api/visitor", {})
    assert status == HTTPStatus.OK, answer
    deployment.token = json.loads(answer)["token"]
    thread = _a_visitor_talks_and_uploads(deployment)
    assert asyncio.run(_use_every_operation(deployment)) == OPERATIONS
    _the_operators_commands_work(deployment)
    _limits_and_the_stop_need_no_deployment(deployment)
    files = deployment.stored()
    assert files
    _the_policies_are_what_lets_the_functions_at_the_data(deployment)

    module = deployment.root / "layers" / "agents" / "assistant" / "__init__.py"
    module.write_text(module.read_text() + "\n# Changed.\n")
    deployment.build()
    deployment.deploy(*OPEN)
    third = deployment.live_versions()
    assert all(int(third[name]) > int(second[name]) for name in second), "a change in the layer missed a function"
    [old], [new] = deployment.layers(second), deployment.layers(third)
    assert old != new
    assert {name: deployment.outputs[name] for name in data} == data
    assert files <= deployment.stored()
    assert deployment.chat("threads.get_by_id", thread_id=thread)["id"] == thread
    assert TASK in deployment.call("ApiUrl", "/chatkit/api", {"message": {"content": "list my tasks"}})[1].decode()
    _the_version_before_still_runs_on_its_own_layer(deployment, second["ChatFunction"], third["ChatFunction"], thread)

    _a_restored_table_takes_the_place_of_the_stacks_own(deployment, thread)

    # `sam delete` reads the addresses of nested templates, and only those of the real S3.
    cloudformation = deployment.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK)
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK)
    assert not deployment.client("lambda").list_functions()["Functions"]
    items = deployment.client("dynamodb").scan(TableName=data["TableName"], Select="COUNT")["Count"]
    assert items > 0, "the table went with the stack"
    kept = deployment.client("s3").list_objects_v2(Bucket=data["BucketName"])["Contents"]
    assert files <= {each["Key"] for each in kept}, "the bucket went with the stack"


def _the_default_parameters_let_nobody_in(deployment: Deployed) -> None:
    for output in ("ApiUrl", "ChatUrl", "StreamUrl"):
        status, answer = deployment.call(output, "/chatkit/api", {"message": {"content": "hello"}})
        assert status == HTTPStatus.UNAUTHORIZED, (output, answer)
        assert json.loads(answer)["error"]["code"] == "unauthorized"
    for output in ("ApiUrl", "UploadUrl"):
        assert _upload(deployment, output)[0] == HTTPStatus.UNAUTHORIZED


def _everything_stands_on_the_alias(deployment: Deployed) -> None:
    """What leads to a function leads to its alias: to move that is all that a deployment, or undoing one, does."""
    functions, names = deployment.client("lambda"), deployment.functions()
    for name in ("ChatFunction", "StreamFunction", "UploadFunction"):
        assert functions.get_function_url_config(FunctionName=names[name], Qualifier="live")["FunctionUrl"]
        with pytest.raises(functions.exceptions.ResourceNotFoundException):
            functions.get_function_url_config(FunctionName=names[name])
        policy = json.loads(functions.get_policy(FunctionName=names[name], Qualifier="live")["Policy"])
        assert {each["Action"] for each in policy["Statement"]} >= {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    gateway = deployment.client("apigatewayv2")
    [api] = gateway.get_apis()["Items"]
    integrations = gateway.get_integrations(ApiId=api["ApiId"])["Items"]
    assert len(integrations) == 2
    assert all(each["IntegrationUri"].endswith(":live/invocations") for each in integrations)


def _the_snippet_sends_each_request_where_it_belongs(deployment: Deployed) -> None:
    stream, api = deployment.outputs["StreamUrl"], deployment.outputs["ApiUrl"]
    # The emulator's host of an HTTP API ends in a number, and such a host must be an IP address in JavaScript's URL.
    real = "https://abc123.execute-api.eu-central-1.amazonaws.com/"
    snippet = deployment.outputs["FrontendSnippet"]
    assert api in snippet
    assert sent_by_snippet(snippet.replace(api, real)) == expected_of_snippet(stream, real)


async def _use_every_operation(deployment: Deployed) -> set[str]:
    host = urlsplit(deployment.outputs["ApiUrl"]).netloc
    headers = {"Host": host, **deployment.authorization}
    async with httpx2.AsyncClient(base_url=deployment.emulator.endpoint_url, headers=headers, timeout=120) as http:
        return await use_every_operation(http)


def _the_operators_commands_work(deployment: Deployed) -> None:
    checked = deployment.make(
        "smoke",
        URL=deployment.address("ChatUrl"),
        UPLOAD_URL=deployment.address("UploadUrl"),
        ORIGIN=ORIGIN,
        TOKEN=str(deployment.token),
    )
    # What needs an address that streams, a certificate, a web ACL or the stack's logs is left out.
    assert checked.splitlines()[-1].startswith("21 ok, 0 failed, ")
    answer = httpx2.post(
        f"{deployment.address('ChatUrl')}/chatkit/api",
        json={"message": {"content": "hello"}},
        headers=deployment.authorization,
        timeout=120,
    )
    turn = answer.headers["x-turn-id"]
    story = deployment.make("show", STACK=STACK, TURN=turn)
    assert story.startswith(f"{turn}  done")


def _limits_and_the_stop_need_no_deployment(deployment: Deployed) -> None:
    file = {"name": "a.png", "size": 100, "mime_type": "image/png"}
    subject = jwt.decode(str(deployment.token), options={"verify_signature": False})["sub"]
    whose = {"STACK": STACK, "TENANT": "visitors", "USER": subject}
    assert deployment.make("limits", **whose, LIMITS="uploads_per_day=1") == "uploads_per_day=1\n"
    refused = deployment.call("ChatUrl", "/chatkit/api", {"type": "attachments.create", "params": file})
    assert (refused[0], json.loads(refused[1])["error"]["code"]) == (HTTPStatus.TOO_MANY_REQUESTS, "quota_exceeded")
    deployment.make("limits", **whose, LIMITS="reset")
    _becomes(deployment, HTTPStatus.OK)

    # The alarm on tokens tells the topic, and the topic calls the function `sweep`.
    watch = deployment.client("cloudwatch")
    [alarm] = [
        each
        for each in watch.describe_alarms()["MetricAlarms"]
        if any("StopTopic" in action for action in each["AlarmActions"])
    ]
    watch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="a test")
    _becomes(deployment, HTTPStatus.SERVICE_UNAVAILABLE)
    assert deployment.make("start-models", STACK=STACK) == "Within a minute, all paid calls are allowed.\n"
    _becomes(deployment, HTTPStatus.OK)
    assert deployment.make("stop-models", STACK=STACK) == "Within a minute, all paid calls are stopped.\n"
    _becomes(deployment, HTTPStatus.SERVICE_UNAVAILABLE)
    deployment.make("start-models", STACK=STACK)
    _becomes(deployment, HTTPStatus.OK)


def _becomes(deployment: Deployed, wanted: HTTPStatus) -> None:
    """Wait until a message gets this answer. A change of a record holds within a minute."""
    patience = time.monotonic() + 120
    while (answer := deployment.call("ChatUrl", "/chatkit/api", {"message": {"content": "hello"}}))[0] != wanted:
        assert time.monotonic() < patience, answer
        time.sleep(2)


def _the_version_before_still_runs_on_its_own_layer(deployment: Deployed, before: str, now: str, thread: str) -> None:
    functions, name = deployment.client("lambda"), deployment.functions()["ChatFunction"]
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=before)
    assert deployment.chat("threads.get_by_id", thread_id=thread)["id"] == thread
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion=now)


def _a_restored_table_takes_the_place_of_the_stacks_own(deployment: Deployed, thread: str) -> None:
    table, dynamodb = deployment.outputs["TableName"], deployment.client("dynamodb")
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName=RESTORED, UseLatestRestorableTime=True
    )
    dynamodb.get_waiter("table_exists").wait(TableName=RESTORED)
    deployment.deploy(*OPEN, f"RestoredTable={RESTORED}")
    assert deployment.outputs["TableName"] == RESTORED
    assert deployment.chat("threads.get_by_id", thread_id=thread)["id"] == thread
    # What is written from now on is written there, by the rights that the policies give for it.
    said = json.loads(deployment.call("ChatUrl", "/chatkit/api", {"message": {"content": "hello"}})[1])["thread_id"]
    found = {
        name: any(said in row["pk"]["S"] for row in dynamodb.scan(TableName=name, ProjectionExpression="pk")["Items"])
        for name in (table, RESTORED)
    }
    assert found == {table: False, RESTORED: True}


def _a_visitor_talks_and_uploads(deployment: Deployed) -> str:
    status, answer = deployment.call("ChatUrl", "/chatkit/api", {"message": {"content": f"add task {TASK}"}})
    assert status == HTTPStatus.OK, answer
    thread = str(json.loads(answer)["thread_id"])
    status, answer = deployment.call(
        "StreamUrl", "/chatkit/api", {"message": {"content": "list my tasks"}, "thread_id": thread}
    )
    assert status == HTTPStatus.OK, answer
    assert TASK in answer.decode()
    items = deployment.chat("items.list", thread_id=thread, order="asc", limit=50)["data"]
    messages = [item for item in items if item["type"].endswith("_message")]
    assert len(messages) >= 4

    # The local AWS speaks plain HTTP, which the bucket's policy refuses, as it is there to.
    assert _upload(deployment, "ApiUrl")[0] == HTTPStatus.SERVICE_UNAVAILABLE
    deployment.client("s3").delete_bucket_policy(Bucket=deployment.outputs["BucketName"])
    attachments = [_upload(deployment, output) for output in ("ApiUrl", "UploadUrl")]
    assert [status for status, _ in attachments] == [HTTPStatus.OK, HTTPStatus.OK]
    file = attachments[0][1]["id"]
    content = [{"type": "input_text", "text": "what is in the file?"}]
    message = {"content": content, "attachments": [file], "inference_options": {}}
    status, answer = deployment.call("ApiUrl", "/chatkit/api", {"type": "threads.create", "params": {"input": message}})
    assert status == HTTPStatus.OK
    assert file in answer.decode()
    deployment.chat("attachments.delete", attachment_id=attachments[1][1]["id"])
    deployment.chat("items.feedback", thread_id=thread, item_ids=[messages[-1]["id"]], kind="positive")
    deployment.chat("threads.update", thread_id=thread, title="Herons")
    other = json.loads(deployment.call("ChatUrl", "/chatkit/api", {"message": {"content": "hello"}})[1])
    deployment.chat("threads.delete", thread_id=other["thread_id"])

    sweep = deployment.functions()["SweepFunction"]
    swept = deployment.client("lambda").invoke(FunctionName=f"{sweep}:live", Payload=b"{}")
    assert json.loads(swept["Payload"].read())["failed"] == 0
    return thread


def _the_policies_are_what_lets_the_functions_at_the_data(deployment: Deployed) -> None:
    """With the upload's policy taken from its role, the upload fails: the local AWS does enforce IAM."""
    iam = deployment.client("iam")
    [role] = [entry["RoleName"] for entry in iam.list_roles()["Roles"] if "UploadFunctionRole" in entry["RoleName"]]
    [policy] = [
        entry["PolicyArn"]
        for entry in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
        if "UploadPolicy" in entry["PolicyName"]
    ]
    iam.detach_role_policy(RoleName=role, PolicyArn=policy)
    assert _upload(deployment, "UploadUrl")[0] == HTTPStatus.SERVICE_UNAVAILABLE
    iam.attach_role_policy(RoleName=role, PolicyArn=policy)
    assert _upload(deployment, "UploadUrl")[0] == HTTPStatus.OK
