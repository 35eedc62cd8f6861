"""Pictures that OpenAI's hosted tool draws, as its Responses API sends them: kept in the bucket, shown to the model."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from chatkit.types import GeneratedImageItem, GeneratedImageUpdated, NoticeEvent, ThreadItemUpdatedEvent

from assistant import quotas
from assistant.agent.pictures import REFUSED
from assistant.demo.image import png
from assistant.errors import NotFoundError
from assistant.files import images
from assistant.settings import Quota
from assistant.threads.store import ThreadStore
from tests.integration.turns.conftest import ProcessMaker
from tests.support import desk
from tests.support.aws import Aws
from tests.support.provider_server import Answer, Picture, ProviderServer, Text, ToolCall
from tests.support.turns import Process, creation

pytestmark = pytest.mark.anyio

STEPS = (png("grey"), png("blue"))


@pytest.fixture
def here(process: ProcessMaker, aws_environment: Aws) -> Process:
    changes = {"agent_factory": desk.FACTORY, "image_model": "gpt-image-x"}
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


async def test_pictures_over_the_limit_of_a_day_are_not_drawn_and_unused_claims_are_given_back(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    changes: dict[str, Any] = {"agent_factory": desk.FACTORY, "thread_titles": False}
    here = process("responses", user_quota=Quota(pictures_per_day=1), **changes)
    provider.script(Answer(ToolCall("transfer_to_general")), Answer(Text("Hello.")))
    thread_id = await here.create("hello")
    assert (await quotas.usage(here.context()))["pictures"] == 0
    hand_over = Answer(ToolCall("transfer_to_general"))
    provider.script(hand_over, Answer(Picture(STEPS), Text("There it is.")))
    await here.say(thread_id, "Draw a blue square")
    assert "image_generation" in tools_of(provider)
    used = await quotas.usage(here.context())
    assert (used["pictures"], used["dollars"]) == (1, pytest.approx(0.25, abs=0.01))
    provider.script(hand_over, Answer(Text("I cannot draw.")))
    client = await here.say(thread_id, "And another one")
    assert "image_generation" not in tools_of(provider)
    assert [event.message for event in client.events if isinstance(event, NoticeEvent)] == [REFUSED]
    assert (await quotas.usage(here.context()))["pictures"] == 1


def tools_of(provider: ProviderServer) -> set[str]:
    return {tool["type"] for tool in provider.bodies[-1]["tools"]}


async def test_without_the_responses_api_the_model_is_told_that_it_cannot_draw(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process("chat_completions", agent_factory=desk.FACTORY)
    provider.script(Answer(ToolCall("transfer_to_general")), Answer(Text("I cannot draw.")))
    await here.run(creation("Draw a blue square"))
    assert "You cannot draw pictures in this deployment" in provider.bodies[-1]["messages"][0]["content"]
