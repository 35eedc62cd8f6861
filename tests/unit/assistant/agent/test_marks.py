"""Marks of passages never reach a client: in deltas of any size, in a complete part, in a complete message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from chatkit.types import (
    Annotation,
    AssistantMessageContent,
    AssistantMessageContentPartDone,
    AssistantMessageContentPartTextDelta,
    AssistantMessageItem,
    EntitySource,
    ThreadItemDoneEvent,
    ThreadItemUpdatedEvent,
    URLSource,
)
from hypothesis import given
from hypothesis import strategies as st

from assistant.agent import note_passages
from assistant.agent.marks import Marks
from assistant.context import CitedPassage, RequestContext, Resources
from assistant.identity import Caller
from assistant.settings import Settings

BIRDS, FISH = CitedPassage("knowledge.tenant.a.2", "birds.pdf", 2), CitedPassage("knowledge.user.b.", "fish.txt", None)


def context(language: str = "en") -> RequestContext:
    return RequestContext(Caller("acme", "ann"), Resources(Settings()), language=language)


def streamed(marks: Marks, pieces: list[str]) -> str:
    text = ""
    for piece in pieces:
        update = AssistantMessageContentPartTextDelta(content_index=0, delta=piece)
        sent = marks.updated(ThreadItemUpdatedEvent(item_id="m", update=update))
        if sent is not None:
            assert isinstance(sent.update, AssistantMessageContentPartTextDelta)
            text += sent.update.delta
    return text


def message(text: str, annotations: list[Annotation] | None = None) -> AssistantMessageItem:
    content = AssistantMessageContent(text=text, annotations=annotations or [])
    return AssistantMessageItem(id="m", thread_id="t", created_at=datetime.now(UTC), content=[content])


def done(marks: Marks, item: AssistantMessageItem) -> AssistantMessageContent:
    event = marks.done(ThreadItemDoneEvent(item=item))
    assert isinstance(event, ThreadItemDoneEvent)
    assert isinstance(event.item, AssistantMessageItem)
    return event.item.content[0]


def test_sources_take_the_place_of_marks_and_an_invented_mark_is_removed() -> None:
    request = context()
    birds, fish = note_passages(request, "t", [BIRDS, FISH], ["a/1", "b/1"])
    found = done(Marks(request), message(f"Herons wade {birds}. Carps swim {fish}{birds} {fish}. Owls fly [§zzzz]."))
    assert found.text == "Herons wade. Carps swim. Owls fly."
    sources = [(each.source.id, each.index) for each in found.annotations if isinstance(each.source, EntitySource)]
    assert sources == [(BIRDS.entity_id, 11), (FISH.entity_id, 23), (BIRDS.entity_id, 23)]
    first = found.annotations[0].source
    assert (first.title, first.group) == ("birds.pdf", "Page 2")


def test_a_source_is_in_the_users_language() -> None:
    request = context("de")
    [birds] = note_passages(request, "t", [BIRDS], ["a/1"])
    assert done(Marks(request), message(f"Reiher {birds}")).annotations[0].source.group == "Seite 2"


def test_other_sources_keep_their_place() -> None:
    request = context()
    [birds] = note_passages(request, "t", [BIRDS], ["a/1"])
    text = f"Herons {birds} wade in https://example.com/w"
    link = Annotation(source=URLSource(title="w", url="https://example.com/w"), index=len(text))
    found = done(Marks(request), message(text, [link]))
    assert found.annotations[0].index == len(found.text)


def test_the_same_passage_has_the_same_mark_and_two_passages_never_share_one(monkeypatch: pytest.MonkeyPatch) -> None:
    request = context()
    [first] = note_passages(request, "t", [BIRDS], ["a/1"])
    assert note_passages(request, "t", [BIRDS], ["a/1"]) == [first]
    assert note_passages(request, "other", [BIRDS], ["a/1"]) != [first]
    monkeypatch.setattr("assistant.agent.marks._name", lambda thread, place, attempt: f"m{attempt}")
    assert note_passages(request, "t", [BIRDS, FISH], ["a/1", "b/1"]) == ["[§m0]", "[§m1]"]


@given(st.lists(st.integers(1, 7), max_size=40))
def test_no_mark_is_streamed_wherever_the_deltas_end(sizes: list[int]) -> None:
    text = "See [this](https://a.b) [§k7f2] and [§k7f2, §m3xa]. A list[0] [x] and a [ alone. End [§zz]"
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    request = context()
    note_passages(request, "t", [BIRDS], ["a/1"])
    assert streamed(Marks(request), [*pieces, rest]) == "See [this](https://a.b) and. A list[0] [x] and a [ alone. End"


def test_without_a_passage_deltas_stay_as_they_come_and_no_mark_is_streamed() -> None:
    marks = Marks(context())
    assert [streamed(marks, [piece]) for piece in ["so ", " ", "one", " [", "§k7f2] ", "two"]] == [
        "so ", " ", "one", "", " ", "two"
    ]  # fmt: skip


def test_a_complete_part_brings_what_was_held_back() -> None:
    marks = Marks(context())
    assert streamed(marks, ["The list [", "§k7"]) == "The list"
    content = AssistantMessageContent(text="The list [§k7f2]", annotations=[])
    update = AssistantMessageContentPartDone(content_index=0, content=content)
    sent = marks.updated(ThreadItemUpdatedEvent(item_id="m", update=update))
    assert sent is not None
    assert isinstance(sent.update, AssistantMessageContentPartDone)
    assert sent.update.content.text == "The list"
