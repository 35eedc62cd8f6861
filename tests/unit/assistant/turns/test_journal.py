"""What a turn has said, kept up with its events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    CustomTask,
    ThreadItem,
    ThreadItemAddedEvent,
    ThreadItemDoneEvent,
    ThreadItemRemovedEvent,
    ThreadItemReplacedEvent,
    ThreadItemUpdatedEvent,
    Workflow,
    WorkflowItem,
    WorkflowTaskAdded,
)

from assistant.ids import split_own_id
from assistant.threads.hidden import is_mark
from assistant.threads.turn_record import MAX_PARTIAL_BYTES, dump_partial, load_partial
from assistant.turns.events import EventRepair
from assistant.turns.journal import Journal
from assistant.turns.outcome import kept_items

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def message(text: str = "", item_id: str = "msg_1") -> AssistantMessageItem:
    return AssistantMessageItem(
        id=item_id, thread_id="thr_1", created_at=NOW, content=[AssistantMessageContent(text=text)]
    )


def workflow(*titles: str) -> WorkflowItem:
    tasks: list[Any] = [CustomTask(title=title, status_indicator="loading") for title in titles]
    return WorkflowItem(id="wf_1", thread_id="thr_1", created_at=NOW, workflow=Workflow(type="custom", tasks=tasks))


def delta(text: str, item_id: str = "msg_1") -> ThreadItemUpdatedEvent:
    update = AssistantMessageContentPartTextDelta(content_index=0, delta=text)
    return ThreadItemUpdatedEvent(item_id=item_id, update=update)


def texts(items: list[ThreadItem]) -> list[str]:
    return [item.content[0].text for item in items if isinstance(item, AssistantMessageItem)]


def test_deltas_are_in_the_item_when_it_is_looked_at_and_not_twice() -> None:
    journal = Journal()
    journal.apply(ThreadItemAddedEvent(item=message()))
    for word in ("one ", "two "):
        journal.apply(delta(word))
    assert texts(journal.pending()) == ["one two "]
    journal.apply(delta("three"))
    assert texts(journal.pending()) == ["one two three"]


def test_a_final_text_takes_the_place_of_the_deltas() -> None:
    journal = Journal()
    journal.apply(ThreadItemAddedEvent(item=message()))
    journal.apply(delta("one"))
    done = AssistantMessageContentPartDone(content_index=0, content=AssistantMessageContent(text="ONE"))
    journal.apply(ThreadItemUpdatedEvent(item_id="msg_1", update=done))
    assert texts(journal.pending()) == ["ONE"]


def test_an_item_that_changes_after_it_was_sent_is_kept_as_it_was() -> None:
    journal = Journal()
    item = message("one")
    journal.apply(ThreadItemDoneEvent(item=item))
    item.content[0].text = "changed behind our back"
    assert texts(journal.unsaved()) == ["one"]


def test_what_is_completed_anew_while_it_is_stored_is_stored_again() -> None:
    journal = Journal()
    journal.apply(ThreadItemDoneEvent(item=message("one")))
    storing = journal.unsaved()
    journal.apply(ThreadItemReplacedEvent(item=message("two")))
    journal.saved(storing, [])
    assert texts(journal.unsaved()) == ["two"]


def test_only_what_is_in_the_table_is_removed_from_it() -> None:
    journal = Journal([message("old", "msg_0")])
    journal.apply(ThreadItemAddedEvent(item=message()))
    journal.apply(ThreadItemRemovedEvent(item_id="msg_1"))
    assert journal.removed() == []
    journal.apply(ThreadItemRemovedEvent(item_id="msg_0"))
    assert journal.removed() == ["msg_0"]


def test_what_is_taken_back_while_it_is_stored_is_removed_from_the_table() -> None:
    journal = Journal()
    journal.apply(ThreadItemDoneEvent(item=message("one")))
    storing = journal.unsaved()
    journal.storing(storing)
    journal.apply(ThreadItemRemovedEvent(item_id="msg_1"))
    journal.saved(storing, [])
    assert (journal.unsaved(), journal.removed()) == ([], ["msg_1"])


def test_an_item_of_an_earlier_turn_that_is_gone_on_with_is_being_written_again() -> None:
    journal = Journal([workflow("one")])
    update = WorkflowTaskAdded(task_index=1, task=CustomTask(title="two"))
    journal.apply(ThreadItemUpdatedEvent(item_id="wf_1", update=update))
    (pending,) = journal.pending()
    assert isinstance(pending, WorkflowItem)
    assert [task.title for task in pending.workflow.tasks] == ["one", "two"]


def test_a_task_that_the_added_workflow_holds_already_is_not_there_twice() -> None:
    journal = Journal()
    journal.apply(ThreadItemAddedEvent(item=workflow("one", "two")))
    update = WorkflowTaskAdded(task_index=1, task=CustomTask(title="two"))
    journal.apply(ThreadItemUpdatedEvent(item_id="wf_1", update=update))
    (pending,) = journal.pending()
    assert isinstance(pending, WorkflowItem)
    assert len(pending.workflow.tasks) == 2


def test_a_partial_answer_comes_back_from_its_row_and_fits_into_it() -> None:
    assert texts(load_partial(dump_partial([message("one")]))) == ["one"]
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(400_000))
    packed = dump_partial([message(noise, "msg_0"), message("the newest")])
    assert len(packed) <= MAX_PARTIAL_BYTES
    assert texts(load_partial(packed)) == ["the newest"]


@pytest.mark.parametrize(
    ("outcome", "marked", "noted"),
    [
        ("done", False, False),
        ("stopped", False, True),
        ("interrupted", False, True),
        ("deadline", True, True),
        ("failed", True, True),
        ("lost", True, True),
    ],
)
def test_an_unfinished_answer_is_kept_with_what_user_and_model_need(outcome: Any, marked: bool, noted: bool) -> None:
    kept = kept_items("thr_1", [message("one"), message(" ", "msg_2"), workflow("step")], outcome)
    assert texts(kept) == ["one"]
    (steps,) = [item for item in kept if isinstance(item, WorkflowItem)]
    assert steps.workflow.tasks[0].status_indicator == "none", "nothing spins for ever"
    assert any(is_mark(item) for item in kept) is marked
    assert any(item.type == "sdk_hidden_context" for item in kept) is noted


def test_the_same_raw_id_in_two_answers_becomes_two_ids_each_the_same_in_all_events() -> None:
    repair = EventRepair()
    given = []
    for _ in range(2):
        raw = message(item_id="__fake_id__").model_copy(update={"created_at": datetime(2026, 11, 22)})  # noqa: DTZ001
        (added,) = repair(ThreadItemAddedEvent(item=raw))
        (updated,) = repair(delta("one", "__fake_id__"))
        (done,) = repair(ThreadItemDoneEvent(item=raw))
        assert isinstance(added, ThreadItemAddedEvent)
        assert isinstance(updated, ThreadItemUpdatedEvent)
        assert isinstance(done, ThreadItemDoneEvent)
        assert added.item.id == updated.item_id == done.item.id
        assert done.item.created_at.utcoffset() is not None
        given.append(done.item.id)
    assert len(set(given)) == 2
    assert all(split_own_id(each) for each in given)
    removed = repair(ThreadItemRemovedEvent(item_id="__fake_id__"))
    assert [event.item_id for event in removed if isinstance(event, ThreadItemRemovedEvent)] == given
    # The SDK and the agent's server both remove a refused answer.
    assert repair(ThreadItemRemovedEvent(item_id="__fake_id__")) == []
