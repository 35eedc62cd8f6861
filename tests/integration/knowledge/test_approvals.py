"""A run that waits for approval keeps its passages and its citations, as far as its documents are still there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.approvals.cited import restored, with_cited
from assistant.aws.keys import Space
from assistant.context import CitedPassage, Origin, RequestContext, Resources
from assistant.identity import Caller
from tests.integration.knowledge.conftest import MakeLibrarian
from tests.support.chatkit_client import ChatKitClient
from tests.support.knowledge import Librarian, context_of

pytestmark = pytest.mark.anyio

ANN = Caller("acme", "ann")
OWN = Space("acme", "ann")
ASK = '!tool search_knowledge {"question": "What does the heron eat?"}\n!tool remember {"fact": "Likes herons."}'


async def waiting(mine: Librarian) -> ChatKitClient:
    """Return a thread in which a call waits for approval, after a search in the same answer."""
    chat = ChatKitClient(mine.http)
    assert "secretperch" not in await chat.say(ASK)
    return chat


async def approved(chat: ChatKitClient) -> tuple[str, list[dict[str, Any]]]:
    """Approve the call. Return the answer and its sources."""
    card = chat.widget()
    said = await chat.click(card, card["widget"]["confirm"]["action"])
    parts = [part for item in chat.done() if item["type"] == "assistant_message" for part in item["content"]]
    return said, [note["source"] for part in parts for note in part["annotations"]]


async def test_after_an_approval_the_answer_cites_what_was_found_before(librarian: MakeLibrarian) -> None:
    mine = librarian(ANN)
    await mine.added(OWN, "heron.txt", "The heron eats secretperch.")
    chat = await waiting(mine)
    said, sources = await approved(chat)
    assert "The heron eats secretperch." in said
    assert "§" not in json.dumps(chat.events, ensure_ascii=False)
    assert [source["title"] for source in sources] == ["heron.txt"]
    assert (await mine.http.get(f"/chatkit/api/entities/{sources[0]['id']}")).status_code == 200


@pytest.mark.parametrize("meanwhile", ["removed", "replaced"])
async def test_after_an_approval_a_document_that_is_gone_is_neither_read_nor_cited(
    librarian: MakeLibrarian, meanwhile: str
) -> None:
    mine = librarian(ANN)
    gone = await mine.added(OWN, "heron.txt", "The heron eats secretperch.")
    await mine.added(OWN, "fish.txt", "The heron eats the fish named pikey.")
    chat = await waiting(mine)
    if meanwhile == "removed":
        await mine.removed(gone)
    else:
        await mine.added(OWN, "heron.txt", "The heron eats frogs.", document_id=gone)
    said, sources = await approved(chat)
    assert "pikey" in said
    assert "secretperch" not in json.dumps(chat.events)
    assert "§" not in said
    assert [source["title"] for source in sources] == ["fish.txt"]


async def test_a_run_of_a_visitor_brings_no_passage_into_another_tenant(
    resources: Resources, librarian: MakeLibrarian
) -> None:
    shared = Space("acme")
    desk = librarian(Caller("acme", "root", "admin"), scope="tenant")
    document_id = await desk.added(shared, "all.txt", "Herons of the whole tenant.")
    generation = (await resources.table.get(shared.document(document_id)) or {})["gen"]
    found = context_of(resources, ANN)
    found.cited["ab2c"] = CitedPassage("knowledge.tenant.x.", "all.txt", None, Origin(shared, document_id, generation))
    output = '{"passages": [{"mark": "[§ab2c]", "text": "Herons of the whole tenant."}], "note": "Data."}'
    state = json.loads(json.dumps(with_cited({"items": [{"output": output}, {"output": "other"}]}, found)))

    async def on_resume(caller: Caller) -> tuple[dict[str, Any], RequestContext]:
        context = context_of(resources, caller)
        return await restored(json.loads(json.dumps(state)), "thr_1", context), context

    kept, context = await on_resume(ANN)
    assert (kept["items"][0]["output"], context.cited) == (output, found.cited)
    other, context = await on_resume(Caller("globex", "ann"))
    assert other == {"items": [{"output": '{"passages": [], "note": "Data."}'}, {"output": "other"}]}
    assert context.cited == {}
