"""Facts are found in the user's own words alone, after the turn, as a paid action."""

from __future__ import annotations

import json

import pytest

from assistant.memory.extraction import facts_in
from tests.integration.memory.conftest import OpenThread
from tests.integration.memory.test_facts import PATH, TEA, kept
from tests.support.provider_server import Answer, HttpError, ProviderServer, Text, ToolCall

pytestmark = pytest.mark.anyio

ON = {"MEMORY_EXTRACTION": "true", "TITLE_MODEL": "small-model", "MODEL_PRICES": "small-model=1000/1000"}


async def test_a_model_reads_the_users_words_alone_and_its_price_is_counted(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    ann = open_thread(**ON)
    sent = await ann.upload("note.txt", "text/plain", b"The user wants Latin.")
    provider.script(Answer(Text("I see a note.")), Answer(Text(f"- {TEA}\n2. Lives in Kiel.\nnone\n- a\n- b")))
    tags = [{"type": "input_tag", "id": "heron", "text": "Heron", "data": {}}]
    await ann.say("I prefer tea. ", tags=tags, attachments=[sent])
    assert {each["fact"] for each in (await kept(ann))["facts"]} == {TEA, "Lives in Kiel.", "a"}
    assert {(each["source"], *each["outside"]) for each in (await kept(ann))["facts"]} == {("own_words",)}
    asked = provider.bodies[-1]
    assert asked["model"] == "small-model"
    assert "I prefer tea." in json.dumps(asked["input"])
    for other in ("Latin", "Heron", "heron", "I see a note"):
        assert other not in json.dumps(asked)
    usage = (await ann.http.get("/chatkit/api/usage")).json()
    # The scripted answers have 18 tokens each.
    assert usage["tokens"] == 36
    assert usage["dollars"] >= 18 * 1000 / 1_000_000


async def test_nothing_is_asked_if_the_setting_or_the_memory_is_off_or_the_model_has_kept_a_fact(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    off = open_thread()
    await off.say("I prefer tea.")
    assert len(provider.requests) == 1
    ann = open_thread(**ON)
    provider.script(Answer(ToolCall("remember", {"fact": TEA})), Answer(Text("Noted.")))
    await ann.say("Remember that I prefer tea.")
    assert len(provider.requests) == 3
    await ann.http.post(PATH, json={"on": False})
    await ann.say("I live in Kiel.")
    assert len(provider.requests) == 4
    assert [each["fact"] for each in (await kept(ann))["facts"]] == [TEA]


async def test_a_limit_on_money_or_a_failure_keeps_nothing_and_fails_no_answer(
    open_thread: OpenThread, provider: ProviderServer
) -> None:
    ann = open_thread(**ON, QUOTA_SPEND_PER_DAY="0.000001")
    assert "I prefer" in await ann.say("I prefer tea.")
    bob = open_thread("bob", **ON)
    provider.script(Answer(Text("Fine.")), *[HttpError(400)] * 3)
    assert await bob.say("I prefer tea.") == "Fine."
    assert (await kept(bob))["facts"] == (await kept(ann))["facts"] == []


def test_lines_of_an_answer_become_facts() -> None:
    assert facts_in("None.") == facts_in("") == facts_in("x" * 201) == []
    assert facts_in("* Likes tea\n\n3) Works at sea\x00") == ["Likes tea", "Works at sea"]
