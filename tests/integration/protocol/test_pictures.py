"""Pictures: drawn in steps, kept in the bucket, and shown by URLs that work now."""

from __future__ import annotations

import base64
import json

import httpx2
import pytest

from assistant.context import RequestContext, Resources
from assistant.demo.image import png
from assistant.errors import ModelError
from assistant.files import images
from assistant.identity import Caller
from tests.integration.protocol.conftest import NewThread
from tests.support.aws import Aws
from tests.support.issuer import Issuer

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n"


async def fetched(url: str) -> httpx2.Response:
    async with httpx2.AsyncClient() as http:
        return await http.get(url)


@pytest.mark.shows("generated_image", "generated_image.updated", "thread.item.added", "thread.item.done")
async def test_a_picture_is_drawn_in_steps_and_read_from_the_bucket(
    new_thread: NewThread, table_and_bucket: Aws
) -> None:
    thread = new_thread()
    await thread.say("!image a blue square")
    steps = thread.updates("generated_image.updated")
    assert [step["progress"] for step in steps] == [0.0]
    picture = thread.item("generated_image")
    shown = await fetched(picture["image"]["url"])
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/png")
    assert shown.content.startswith(PNG)
    (stored,) = (item for item in await thread.items() if item["type"] == "generated_image")
    assert (await fetched(stored["image"]["url"])).content == shown.content
    assert thread.thread_id is not None
    (kept,) = await objects_of(table_and_bucket, thread.thread_id)
    assert kept.rpartition("/")[2] in stored["image"]["url"]


async def objects_of(aws: Aws, thread_id: str) -> list[str]:
    listed = aws.client("s3").list_objects_v2(Bucket=aws.bucket_name)
    return [each["Key"] for each in listed.get("Contents", []) if thread_id in each["Key"]]


async def test_no_row_of_the_table_holds_a_picture_or_a_url_that_expires(
    new_thread: NewThread, resources: Resources
) -> None:
    thread = new_thread()
    await thread.say('!image a blue square\n!tool get_order {"order_id": 1001}')
    client = resources.table.client
    rows = client.scan(TableName=resources.settings.table_name)["Items"]
    text = json.dumps(rows, default=str)
    assert thread.thread_id is not None
    assert thread.thread_id in text
    assert "iVBORw0KGgo" not in text
    assert "X-Amz-Signature" not in text


async def test_a_picture_goes_with_its_answer_and_with_its_thread(new_thread: NewThread, table_and_bucket: Aws) -> None:
    thread = new_thread()
    await thread.say("!image a blue square")
    assert thread.thread_id is not None
    message = thread.item("user_message")
    (old,) = await objects_of(table_and_bucket, thread.thread_id)
    await thread.stream("threads.retry_after_item", thread_id=thread.thread_id, item_id=message["id"])
    (listed,) = (item for item in await thread.items() if item["type"] == "generated_image")
    assert old not in listed["image"]["url"]
    await thread.post("threads.delete", thread_id=thread.thread_id)
    assert await objects_of(table_and_bucket, thread.thread_id) == []


async def test_a_picture_whose_turn_died_before_it_could_be_shown_goes_with_the_thread(
    new_thread: NewThread, resources: Resources, table_and_bucket: Aws, issuer: Issuer
) -> None:
    thread = new_thread(issuer.token(tenant_id="acme", sub="ann"))
    await thread.say("Hello there")
    assert thread.thread_id is not None
    context = RequestContext(Caller("acme", "ann"), resources)
    await images.keep_picture(png("blue"), thread.thread_id, context)
    assert len(await objects_of(table_and_bucket, thread.thread_id)) == 1
    await thread.post("threads.delete", thread_id=thread.thread_id)
    assert await objects_of(table_and_bucket, thread.thread_id) == []


@pytest.mark.parametrize(
    "body", [b"<svg onload='alert(1)'/>", b"RIFF\x24\x00\x00\x00WAVEfmt ", b""], ids=["SVG", "WAVE", "nothing"]
)
async def test_what_is_no_picture_is_not_kept(resources: Resources, table_and_bucket: Aws, body: bytes) -> None:
    with pytest.raises(ModelError):
        await images.keep_picture(
            base64.b64encode(body).decode(), "thr_pictureless", RequestContext(Caller("acme", "ann"), resources)
        )
    assert await objects_of(table_and_bucket, "thr_pictureless") == []


async def test_the_model_sees_in_the_next_turn_what_was_drawn(new_thread: NewThread) -> None:
    thread = new_thread()
    await thread.say("!image a blue square")
    said = await thread.say("What was that?")
    assert "You said" in said
    assert "2 messages" in said
