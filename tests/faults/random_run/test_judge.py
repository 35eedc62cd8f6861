"""The judge's rules that have found something which was none: once a random run's violation, each stays a test."""

from __future__ import annotations

from typing import Any

from assistant.ids import new_id
from tests.faults.random_run.agent import EFFECT
from tests.faults.random_run.judge import Judge
from tests.faults.random_run.ledger import Ledger, Operation, Shown
from tests.faults.random_run.truth import Stored, Truth

THREAD = "thr_1"


def _said(kind: str) -> dict[str, Any]:
    return {"id": new_id("msg"), "type": kind, "content": []}


def _apart(items: list[dict[str, Any]], *operations: tuple[str, float, str, list[dict[str, Any]]]) -> list[str]:
    """Return what the judge says of the places of a thread's items.

    Args:
        items: The thread.
        operations: Of each its kind, when it was sent, its turn and the items that its client was sent.
    """
    ledger = Ledger()
    for number, (kind, sent, turn_id, sent_items) in enumerate(operations):
        shown = Shown(number, sent, turn_id=turn_id, thread_id=THREAD)
        for item in sent_items:
            shown.take({"type": "thread.item.done", "item": item})
        ledger.operations.append(Operation(number, "1a", "user", kind, sent, THREAD, shown=[shown]))
    truth = Truth({THREAD: Stored("user", items)}, [], [])
    return [each.rule for each in Judge(ledger, truth)._order(THREAD, truth.threads[THREAD])]


def test_a_failed_retry_may_send_items_of_turns_that_were_asked_for_later() -> None:
    turns = [new_id("turn") for _ in range(2)]
    answers = [_said("assistant_message") for _ in range(2)]
    retry, attempt = new_id("turn"), _said("assistant_message")
    # The retry waited for both turns. It was sent before one of them, and claimed after both.
    late = ("threads.add_user_message", 2.0, turns[0], answers[:1])
    early = ("threads.add_user_message", 0.0, turns[1], answers[1:])
    retried = ("threads.retry_after_item", 1.0, retry, [*answers, attempt])
    assert _apart([*answers, attempt], early, retried, late) == []


def test_items_of_a_turn_that_are_apart_are_found() -> None:
    turns = [new_id("turn"), new_id("turn")]
    items = [_said("assistant_message") for _ in range(3)]
    split = ("threads.add_user_message", 0.0, turns[0], [items[0], items[2]])
    between = ("threads.add_user_message", 1.0, turns[1], [items[1]])
    assert _apart(items, split, between) == ["the items of a turn stand together"]


def _effects(times: int, *kinds: str) -> list[str]:
    """Return what the judge says of an effect, if a message whose turn was interrupted is followed by these."""
    ledger = Ledger()
    for number, kind in enumerate(("threads.add_user_message", *kinds)):
        shown = Shown(number, float(number), new_id("turn"))
        tag = "1at1" if number == 0 else None
        ledger.operations.append(Operation(number, "1a", "ann", kind, float(number), THREAD, tag=tag, shown=[shown]))
    rows = [{"pk": "APP#acme#ann", "sk": f"{EFFECT}1at1#{number}"} for number in range(times)]
    return [each.rule for each in Judge(ledger, Truth({}, rows, []))._effects()]


def test_the_model_may_do_again_what_an_interrupted_message_says_when_a_form_is_answered() -> None:
    assert _effects(2, "threads.add_structured_input") == []
    assert _effects(2, "threads.get_by_id") == ["an effect is there once"]
    assert _effects(3, "threads.add_structured_input") == ["an effect is there once"]
