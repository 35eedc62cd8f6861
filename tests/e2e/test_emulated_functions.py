"""Each built function under the real Runtime Interface Emulator, invoked with the sample events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.aws import keys
from assistant.aws.rowformat import dump
from tests.support.aws import Aws
from tests.support.conversations import now
from tests.support.events import EVENTS, event, expected_status, names
from tests.support.rie import NULS, Emulate, Emulated


@pytest.fixture(scope="module")
def chat(emulate: Emulate) -> Emulated:
    return emulate("chat")


@pytest.fixture(scope="module")
def stream(emulate: Emulate) -> Emulated:
    return emulate("stream", wrapped=True)


def _events(body: str) -> list[Any]:
    frames = [frame for frame in body.split("\n\n") if frame.startswith("data: ")]
    return [json.loads(frame.removeprefix("data: ")) for frame in frames]


@pytest.mark.parametrize("name", names("chat"))
def test_chat_answers_each_sample_event(chat: Emulated, name: str) -> None:
    status, headers, body = chat.respond(event(f"chat/{name}"))
    assert status == expected_status(name), body
    assert "access-control-allow-origin" not in headers
    if status == 404:
        assert json.loads(body)["error"]["code"] == "not_found"


@pytest.mark.parametrize("name", names("stream"))
def test_stream_answers_each_sample_event_as_prelude_and_body(stream: Emulated, name: str) -> None:
    raw = stream.invoke(event(f"stream/{name}"))
    prelude, separator, body = raw.partition(NULS)
    assert separator == NULS
    head = json.loads(prelude)
    assert set(head) <= {"statusCode", "headers", "cookies"}
    if head["headers"]["content-type"].startswith("text/event-stream"):
        assert head["statusCode"] == 200
        assert _events(body.decode())
    else:
        assert json.loads(body) is not None
        assert head["statusCode"] == expected_status(name)


def test_the_stream_of_a_message_is_its_deltas_and_then_the_whole(stream: Emulated) -> None:
    status, headers, body = stream.respond(event("stream/message"))
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    frames = _events(body)
    assert frames[-1]["done"] is True
    assert "".join(frame.get("text", "") for frame in frames) == frames[-1]["final"]
    assert len([frame for frame in frames if "text" in frame]) > 1


def test_a_thread_that_stream_began_is_gone_on_with_and_read_by_chat(stream: Emulated, chat: Emulated) -> None:
    _, _, body = stream.respond(event("stream/threads.create"))
    thread = next(frame["thread"]["id"] for frame in _events(body) if frame["type"] == "thread.created")
    for name in ("threads.add_user_message", "threads.get_by_id", "items.list", "threads.update", "cancel"):
        sample = event(f"chat/{name}")
        request = json.loads(sample["body"])
        request.get("params", request)["thread_id"] = thread
        status, _, answer = chat.respond(sample | {"body": json.dumps(request)})
        assert status == 200, answer
    status, _, answer = chat.respond(event("chat/threads.list"))
    assert thread in [entry["id"] for entry in json.loads(answer)["data"]]


def test_stream_without_its_wrapper_answers_the_same_in_one_piece(emulate: Emulate) -> None:
    status, headers, body = emulate("stream").respond(event("stream/message"))
    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert _events(body)[-1]["done"] is True


def test_upload_stores_the_sample_file_and_says_where_to_read_it(emulate: Emulate, table_and_bucket: Aws) -> None:
    upload = emulate("upload")
    status, _, body = upload.respond(event("upload/upload"))
    assert status == 200, body
    attachment = json.loads(body)
    assert attachment["name"] == "notes.txt"
    assert attachment["url"].startswith("http")
    listed = table_and_bucket.client("s3").list_objects_v2(Bucket=table_and_bucket.bucket_name)
    assert any(attachment["id"] in entry["Key"] for entry in listed["Contents"])


def test_sweep_runs_on_its_schedule(emulate: Emulate) -> None:
    answer = json.loads(emulate("sweep").invoke(event("sweep/schedule")))
    assert answer["failed"] == 0


def test_work_of_the_sweeps_that_fails_is_counted_for_its_alarm(emulate: Emulate, table_and_bucket: Aws) -> None:
    table = table_and_bucket.client("dynamodb")
    broken = dump(keys.sweep_key(now(), "from a later release", "unheard of")._asdict())
    work = broken | dump({"schema_version": 1, "kind": "unheard of"})
    table.put_item(TableName=table_and_bucket.table_name, Item=work)
    sweep = emulate("sweep")
    assert json.loads(sweep.invoke(event("sweep/schedule")))["failed"] == 1
    table.delete_item(TableName=table_and_bucket.table_name, Key=broken)
    assert json.loads(sweep.invoke(event("sweep/schedule")))["failed"] == 0
    [counted] = [json.loads(line) for line in sweep.log.read_text().splitlines() if '"FailedWork"' in line]
    assert (counted["service"], counted["FailedWork"]) == ("chatkit", [1.0])
    [directive] = counted["_aws"]["CloudWatchMetrics"]
    assert (directive["Namespace"], directive["Dimensions"]) == ("ChatKit", [["service"]])


@pytest.mark.parametrize("name", ["chat", "stream", "upload"])
def test_each_function_runs_without_a_command_where_lambda_puts_it(emulate: Emulate, name: str) -> None:
    sample = "stream/health" if name == "stream" else "chat/health"
    if name == "upload":
        status, _, body = emulate(name, in_place=True).respond(event("upload/upload"))
    else:
        status, _, body = emulate(name, in_place=True).respond(event(sample))
    assert status == 200, body


def test_the_wrapper_runs_where_lambda_puts_it(emulate: Emulate) -> None:
    raw = emulate("stream", wrapped=True, in_place=True).invoke(event("stream/message"))
    assert NULS in raw
    assert _events(raw.partition(NULS)[2].decode())[-1]["done"] is True


def test_there_is_a_sample_for_every_operation_and_every_handler() -> None:
    from chatkit.types import ChatKitReq
    from pydantic import TypeAdapter

    operations = TypeAdapter(ChatKitReq).json_schema()["discriminator"]["mapping"]
    for folder in ("chat", "stream"):
        missing = set(operations) - set(names(folder))
        assert not missing
        for operation in operations:
            assert json.loads(event(f"{folder}/{operation}")["body"])["type"] == operation
    assert {path.name for path in Path(EVENTS).iterdir()} == {"chat", "stream", "upload", "sweep"}
