"""The platform's texts in the language that ChatKit sends: cards, errors in a stream, and errors before it."""

from __future__ import annotations

import pytest

from tests.integration.protocol.test_messages import message
from tests.support.asgi import MakeClient
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio

GERMAN = {"Accept-Language": "de-DE,de;q=0.9,en;q=0.8"}


async def test_a_card_an_error_in_a_stream_and_a_refusal_are_in_the_user_s_language(
    open_client: MakeClient, function: str
) -> None:
    web = open_client(function, **GERMAN)
    thread = StrictClient(web)
    await thread.say("refund invoice 502")
    card = thread.item("widget")
    assert card["widget"]["status"]["text"] == "Braucht Ihre Zustimmung"
    # The same user in an English page: the stored card stays German.
    english = StrictClient(open_client(function, **{"Accept-Language": "en"}), thread_id=thread.thread_id)
    await english.click(card, card["widget"]["cancel"]["action"])
    (stored,) = [item for item in await english.items() if item["id"] == card["id"]]
    assert stored["widget"]["status"]["text"] == "Abgelehnt"
    await thread.stream("threads.create", input=message("!fail"))
    assert thread.of("error")[-1]["message"].startswith("Das Demomodell ist wegen des Befehls !fail gescheitert")
    mark = [item for item in await thread.items() if item["type"] == "task"][-1]
    assert mark["task"]["title"] == "Diese Antwort ist wegen eines Fehlers unvollständig."
    refused = await web.post("/chatkit/api", json={"type": "threads.get_by_id", "params": {"thread_id": "thr_none"}})
    assert refused.json()["error"]["message"] == "Diese Unterhaltung gibt es nicht. Vielleicht wurde sie gelöscht."
