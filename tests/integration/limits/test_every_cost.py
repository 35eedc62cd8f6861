"""Whatever costs money is claimed or is part of a turn, with a provider that takes money, over HTTP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from assistant.demo.image import png
from tests.integration.limits.conftest import ServerMaker
from tests.integration.limits.test_paid_actions import AT_ONCE, FILE, PATH, RECORDING, all_at_once, statuses, usage
from tests.support.app_server import new_thread
from tests.support.provider_server import Answer, Heard, Picture, ProviderServer, Text, ToolCall
from tests.support.sse import frames

pytestmark = pytest.mark.anyio


@pytest.fixture
def provider() -> Iterator[ProviderServer]:
    with ProviderServer() as server:
        yield server


@pytest.fixture
def paid(provider: ProviderServer) -> dict[str, str]:
    """The settings of a process with that provider."""
    return {"LLM_PROVIDER": "openai", "OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": provider.base_url}


@pytest.mark.parametrize("of", ["", "TENANT_"])
async def test_recordings_at_once_cost_a_user_and_a_tenant_no_more_than_the_limit_and_one(
    serve: ServerMaker, provider: ProviderServer, paid: dict[str, str], token: str, of: str
) -> None:
    provider.script(*[Heard("hello")] * AT_ONCE)
    # A recording of 18,000 bytes counts as a tenth of a minute, so it costs 0.60 here.
    paid |= {f"{of}QUOTA_SPEND_PER_DAY": "1", "MODEL_PRICES": "gpt-transcribe=6 a minute"}
    servers = [serve(**paid) for _ in range(3)]
    answers = await all_at_once(servers, token, lambda number: RECORDING)
    assert statuses(answers) == {200: 2, 429: AT_ONCE - 2}
    assert (len(provider.requests), (await usage(servers[0], token))["dollars"]) == (2, pytest.approx(1.2))


def _draws_if_it_may(body: Any) -> Answer:
    offered = {tool["type"] for tool in body.get("tools", [])} | {tool.get("name") for tool in body.get("tools", [])}
    if "image_generation" in offered:
        return Answer(Picture((png("blue"),)), Text("There it is."))
    return Answer(ToolCall("transfer_to_general")) if "transfer_to_general" in offered else Answer(Text("No."))


@pytest.mark.parametrize(
    "limit",
    [{"QUOTA_PICTURES_PER_DAY": "2"}, {"QUOTA_SPEND_PER_DAY": "0.3"}, {"TENANT_QUOTA_SPEND_PER_DAY": "0.3"}],
    ids=["pictures", "money", "money of the tenant"],
)
async def test_of_turns_at_once_as_many_draw_a_picture_as_the_limit_allows(
    serve: ServerMaker, provider: ProviderServer, paid: dict[str, str], token: str, limit: dict[str, str]
) -> None:
    provider.script(*[_draws_if_it_may] * 10 * AT_ONCE)
    # Tokens cost next to nothing, so that every turn begins. A picture costs 0.25.
    free = {"MODEL_PRICES": "gpt-6-luna=0/0", "MAX_CONCURRENT_TURNS": "50", "THREAD_TITLES": "false"}
    servers = [serve(**paid, **free, **limit) for _ in range(2)]
    answers = await all_at_once(servers, token, lambda number: new_thread(f"draw {number}"))
    begun = [frames(answer.content) for answer in answers if answer.status_code == 200]
    told = Counter(
        sum("limit for pictures" in event.get("message", "") for event in events if event["type"] == "notice")
        for events in begun
    )
    drawn = sum(
        event["type"] == "thread.item.done" and event["item"]["type"] == "generated_image"
        for events in begun
        for event in events
    )
    used = await usage(servers[0], token)
    assert (drawn, used["pictures"], used["dollars"]) == (2, 2, pytest.approx(0.5))
    assert told[1] == len(begun) - 2
    assert told[0] == 2


async def test_a_title_is_counted_with_its_turn(
    serve: ServerMaker, provider: ProviderServer, paid: dict[str, str], token: str
) -> None:
    each = Answer(Text("A title or an answer."), usage=(1_000, 100))
    provider.script(*[each] * 4)
    server = serve(**paid, QUOTA_TOKENS_PER_DAY="100000")
    async with server.client(token) as client:
        answer = await client.post(PATH, json=new_thread("hello"))
    assert any(event["type"] == "thread.updated" and event["thread"]["title"] for event in frames(answer.content))
    assert len(provider.requests) == 2
    assert (await usage(server, token))["tokens"] == 2 * 1_100


async def test_files_of_both_functions_and_their_registration_count_together(serve: ServerMaker, token: str) -> None:
    limit = {"QUOTA_UPLOADS_PER_DAY": "3"}
    stream, upload = serve(**limit), serve(function="upload", **limit)
    async with stream.client(token) as chat, upload.client(token) as files:

        async def send() -> httpx2.Response:
            return await files.post("/chatkit/api/upload", files={"file": ("notes.txt", b"Buy a heron", "text/plain")})

        begun = [await chat.post(PATH, json=FILE), await send(), await send(), await send()]
        assert [answer.status_code for answer in begun] == [200, 200, 200, 429]
        assert (await chat.post(PATH, json=FILE)).status_code == 429
    assert (await usage(stream, token))["uploads"] == 3
