"""Conversations over HTTP: the tool is called, its card is shown, and a click on it works."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.context import Resources
from scripts.evaluate import evaluate
from tests.evals.new_package.cases import CASES
from tests.support.asgi import MakeClient
from tests.support.issuer import Issuer
from tests.support.strict_client import StrictClient

pytestmark = pytest.mark.anyio


def texts(widget: dict[str, Any]) -> list[str]:
    """Return the notes that a card shows."""
    return [row["children"][0]["value"] for row in widget["children"]]


async def click(thread: StrictClient, card: dict[str, Any], number: int) -> dict[str, Any]:
    """Click the button of a note, and return the changed widget."""
    action = card["widget"]["children"][number]["children"][1]["onClickAction"]
    answer = await thread.post(
        "threads.sync_custom_action",
        thread_id=thread.thread_id,
        item_id=card["id"],
        action={"type": action["type"], "payload": action["payload"]},
    )
    assert answer.status_code == 200, answer.text
    widget: dict[str, Any] = answer.json()["updated_item"]["widget"]
    return widget


async def test_a_note_is_kept_and_shown_and_a_click_removes_it(open_client: MakeClient) -> None:
    thread = StrictClient(open_client())
    await thread.say('!tool keep_note {"text": "buy milk"}')
    assert thread.of("progress_update")[0]["text"] == "Keeping your note"
    assert "2 notes" in await thread.say('!tool keep_note {"text": "call Ada"}')
    card = thread.widget()
    assert card["copy_text"] == "- buy milk\n- call Ada"
    changed = await click(thread, card, 0)
    assert texts(changed) == ["call Ada"]
    stored = next(item["widget"] for item in await thread.items() if item["id"] == card["id"])
    assert texts(stored) == ["call Ada"]


async def test_a_user_has_notes_of_their_own(open_client: MakeClient, issuer: Issuer) -> None:
    await StrictClient(open_client()).say('!tool keep_note {"text": "buy milk"}')
    other = StrictClient(open_client(Authorization=f"Bearer {issuer.token(sub='zoe')}"))
    assert "1 notes" in await other.say('!tool keep_note {"text": "call Ada"}')


async def test_more_notes_than_the_setting_allows_are_refused(
    open_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEW_PACKAGE_MOST_NOTES", "1")
    thread = StrictClient(open_client())
    await thread.say('!tool keep_note {"text": "buy milk"}')
    assert "There are 1 notes already" in await thread.say('!tool keep_note {"text": "call Ada"}')


async def test_an_invented_click_is_refused(open_client: MakeClient) -> None:
    thread = StrictClient(open_client())
    await thread.say('!tool keep_note {"text": "buy milk"}')
    action = {"type": "notes.sell", "payload": {}}
    answer = await thread.post(
        "threads.sync_custom_action", thread_id=thread.thread_id, item_id=thread.widget()["id"], action=action
    )
    assert answer.status_code == 400


async def test_the_demo_model_passes_every_evaluation(resources: Resources) -> None:
    assert [verdict.problems for verdict in await evaluate(resources, CASES)] == [()] * len(CASES)
