"""Pictures that OpenAI's hosted tool draws, as its Responses API sends them: kept in the bucket, shown to the model."""

from __future__ import annotations

import base64
import json

import pytest
from chatkit.types import GeneratedImageItem, GeneratedImageUpdated, ThreadItemUpdatedEvent

from assistant.demo.image import png
from assistant.errors import NotFoundError
from assistant.files import images
from assistant.threads.store import ThreadStore
from tests.integration.turns.conftest import ProcessMaker
from tests.support.aws import Aws
from tests.support.provider_server import Answer, Picture, ProviderServer, Text, ToolCall
from tests.support.turns import Process, creation

pytestmark = pytest.mark.anyio

STEPS = (png("grey"), png("blue"))


@pytest.fixture
def here(process: ProcessMaker, aws_environment: Aws) -> Process:
    changes = {"agent_factory": "helpdesk:build_agent", "image_model": "gpt-image-x"}
    return process("responses", **changes)


async def objects_of(here: Process, aws: Aws, thread_id: str) -> list[bytes]:
    prefix = here.caller.thread(thread_id).object_prefix
    s3 = aws.client("s3")
    listed = s3.list_objects_v2(Bucket=aws.bucket_name, Prefix=prefix).get("Contents", [])
    return [s3.get_object(Bucket=aws.bucket_name, Key=each["Key"])["Body"].read() for each in listed]


async def test_a_picture_is_asked_for_in_steps_and_its_last_one_stays(
    here: Process, provider: ProviderServer, aws_environment: Aws
) -> None:
    provider.script(
        Answer(ToolCall("transfer_to_general")), Answer(Picture(STEPS), Text("There it is.")), Answer(Text("Blue."))
    )
    client = await here.run(creation("Draw a blue square"))
    assert (client.error, client.text) == (None, "There it is.")
    asked = [tool for tool in provider.bodies[1]["tools"] if tool["type"] == "image_generation"]
    assert asked == [{"type": "image_generation", "model": "gpt-image-x", "partial_images": 2}]
    updates = [event.update for event in client.events if isinstance(event, ThreadItemUpdatedEvent)]
    assert len([update for update in updates if isinstance(update, GeneratedImageUpdated)]) == len(STEPS) - 1
    (picture,) = [item for item in client.items.values() if isinstance(item, GeneratedImageItem)]
    assert await objects_of(here, aws_environment, picture.thread_id) == [base64.b64decode(STEPS[-1])]
    (stored,) = [item for item in await here.stored(picture.thread_id) if isinstance(item, GeneratedImageItem)]
    assert stored.image is not None
    assert stored.image.url.startswith("image:")
    await here.say(picture.thread_id, "Which colour is it?")
    assert f"data:image/png;base64,{STEPS[-1]}" in json.dumps(provider.bodies[-1]["input"])


async def test_a_picture_that_is_drawn_when_its_thread_is_deleted_leaves_nothing(
    here: Process, provider: ProviderServer, aws_environment: Aws
) -> None:
    provider.script(Answer(Text("Hello.")))
    thread_id = await here.create("hello")
    await ThreadStore(here.resources).delete_thread(thread_id, here.context())
    with pytest.raises(NotFoundError):
        await images.keep_picture(png("blue"), thread_id, here.context())
    assert await objects_of(here, aws_environment, thread_id) == []


async def test_without_the_responses_api_the_model_is_told_that_it_cannot_draw(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process("chat_completions", agent_factory="helpdesk:build_agent")
    provider.script(Answer(ToolCall("transfer_to_general")), Answer(Text("I cannot draw.")))
    await here.run(creation("Draw a blue square"))
    assert "You cannot draw pictures in this deployment" in provider.bodies[-1]["messages"][0]["content"]
