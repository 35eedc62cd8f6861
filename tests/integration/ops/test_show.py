"""`make show` prints a turn's record, with texts only if the operator asks for them."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx2
import pytest

from tests.support.chatkit_client import ChatKitClient

if TYPE_CHECKING:
    from assistant.context import Resources
    from tests.integration.ops.conftest import Script
    from tests.support.aws import Aws

pytestmark = pytest.mark.anyio


async def _turn(http: httpx2.AsyncClient, text: str) -> tuple[str, str]:
    """Send a message in a new thread, and return the turn and the thread."""
    client = ChatKitClient(http)
    message = {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}
    answer = await client.post("threads.create", input=message)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]
    return answer.headers["x-turn-id"], events[0]["thread"]["id"]


async def test_a_turn_is_found_by_its_id_alone_and_shows_no_words(stream: httpx2.AsyncClient, script: Script) -> None:
    turn_id, thread_id = await _turn(stream, "add task feed the heron")
    done = script("show", "--turn", turn_id)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{turn_id}  done\n")
    for part in ("tenant", thread_id, "operation: threads.create", "provider: demo", "tools: ", "user_message"):
        assert part in done.stdout
    assert "heron" not in done.stdout + done.stderr
    assert "rows were read" in done.stderr


async def test_a_turn_is_read_from_its_thread_without_a_scan_and_with_texts_on_request(
    stream: httpx2.AsyncClient, token: str, script: Script, resources: Resources
) -> None:
    import jwt

    resources.settings = replace(resources.settings, max_message_chars=1_000_000, history_max_tokens=250_000)

    claims = jwt.decode(token, options={"verify_signature": False})
    # The text does not compress, so it is stored in the bucket.
    noise = secrets.token_hex(400_000)
    turn_id, thread_id = await _turn(stream, f"!say read it\n{noise}")
    where = ["--thread", thread_id, "--tenant", claims["tenant_id"], "--user", claims["sub"]]
    done = script("show", "--turn", turn_id, "--texts", *where)
    assert done.returncode == 0, done.stderr
    assert "rows were read" not in done.stderr
    assert noise in done.stdout
    assert "read it" in done.stdout
    assert "user_message  8" in done.stdout
    assert "object" in done.stdout


async def test_a_failed_turn_tells_its_error(stream: httpx2.AsyncClient, script: Script) -> None:
    turn_id, _ = await _turn(stream, "!fail 2")
    done = script("show", "--turn", turn_id)
    assert f"{turn_id}  failed" in done.stdout
    assert "error: model_unavailable" in done.stdout


async def test_an_unknown_turn_is_said_to_be_unknown(script: Script) -> None:
    done = script("show", "--turn", "trn_nothing")
    assert done.returncode == 1
    assert "There is no turn trn_nothing in the table." in done.stderr


def test_a_stack_names_its_table_and_bucket(table_and_bucket: Aws, script: Script) -> None:
    template = {
        "Resources": {"Anything": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "x"}}},
        "Outputs": {
            "TableName": {"Value": table_and_bucket.table_name},
            "BucketName": {"Value": table_and_bucket.bucket_name},
        },
    }
    table_and_bucket.client("cloudformation").create_stack(StackName="named", TemplateBody=json.dumps(template))
    table_and_bucket.client("cloudformation").get_waiter("stack_create_complete").wait(
        StackName="named", WaiterConfig={"Delay": 1}
    )
    nowhere = {"TABLE_NAME": "", "BUCKET_NAME": ""}
    assert "There is no turn x in the table." in script("show", "--turn", "x", "--stack", "named", **nowhere).stderr
    assert "Name the stack" in script("show", "--turn", "x", **nowhere).stderr
    unknown = script("show", "--turn", "x", "--stack", "unknown", **nowhere)
    assert "The stack unknown cannot be read" in unknown.stderr
    assert unknown.returncode == 1
