"""Marks of passages never reach a client: in deltas of any size, in a complete part, in a complete message."""

from __future__ import annotations

import json
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
from openai.types.responses import ResponseFunctionToolCall

from assistant.agent import note_passages
from assistant.agent.marks import Marks, clean_arguments
from assistant.aws.keys import Space
from assistant.context import KNOWLEDGE, CitedPassage, Origin, RequestContext, Resources
from assistant.identity import Caller
from assistant.settings import Settings

BIRDS = CitedPassage("knowledge.tenant.a.2", "birds.pdf", 2, Origin(Space("acme"), "a", "1"))
FISH = CitedPassage("knowledge.user.b.", "fish.txt", None, Origin(Space("acme", "ann"), "b", "1"))


def context(language: str = "en") -> RequestContext:
    return RequestContext(Caller("acme", "ann"), Resources(Settings()), language=language)


def streamed(marks: Marks, pieces: list[str]) -> str:
    text = ""
    for piece in pieces:
        update = AssistantMessageContentPartTextDelta(content_index=0, delta=piece)
        text += added(marks.updated(ThreadItemUpdatedEvent(item_id="m", update=update)))
    return text


def added(events: list[ThreadItemUpdatedEvent]) -> str:
    """The text that these deltas add."""
    return "".join(
        each.update.delta for each in events if isinstance(each.update, AssistantMessageContentPartTextDelta)
    )


def ended(marks: Marks, text: str) -> tuple[str, str]:
    """The last deltas of a part with this text, and the text of the complete part."""
    content = AssistantMessageContent(text=text, annotations=[])
    update = AssistantMessageContentPartDone(content_index=0, content=content)
    *deltas, last = marks.updated(ThreadItemUpdatedEvent(item_id="m", update=update))
    assert isinstance(last.update, AssistantMessageContentPartDone)
    return added(deltas), last.update.content.text


def reading(*names: str) -> RequestContext:
    """A turn that has read passages with these marks."""
    request = context()
    request.read_outside(KNOWLEDGE)
    request.cited.update(dict.fromkeys(names, BIRDS))
    return request


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
    monkeypatch.setattr("assistant.agent.marks.mark_name", lambda thread, place, attempt: f"m{attempt}")
    assert note_passages(request, "t", [BIRDS, FISH], ["a/1", "b/1"]) == ["[§m0]", "[§m1]"]


TEXTS = [
    ("See [this](https://a.b) [§k7f2] and [§k7f2, §m3xa].", "See [this](https://a.b) and."),
    ("A list[0] [x] and a [ alone. End [§zzzz]", "A list[0] [x] and a [ alone. End"),
    ("Nach [§1004] BGB, [§242 BGB], [§ 5] und [§2353]", "Nach [§1004] BGB, [§242 BGB], [§ 5] und [§2353]"),
    ("x = a[§idx] * (b) [§heron]", "x = a[§idx] * (b) [§heron]"),
    ("One [§ k7f2] (§k7f2) §k7f2 \\[§k7f2\\] [§\u200bk7f2] [§K7F2 ].", "One."),
    ("Invented [§ zzzz] (§zzzz) §zzzz", "Invented [§ zzzz] (§zzzz) §zzzz"),
    ("No shells: `[§k7f2]` **[§k7f2][§m3xa]** [[§k7f2]] **bold [§k7f2]**.", "No shells: **bold**."),
    ("Two [§k7f2], [§m3xa], and more §k7f2x", "Two, and more §k7f2x"),
    ("Unclosed [§k7f2", "Unclosed"),
    ("Begun [§", "Begun [§"),
    ("Spaces at the end  ", "Spaces at the end  "),
]


@given(st.sampled_from(TEXTS), st.lists(st.integers(1, 7), max_size=40))
def test_what_is_streamed_is_what_is_stored_wherever_the_deltas_end(texts: tuple[str, str], sizes: list[int]) -> None:
    text, expected = texts
    pieces, rest = [], text
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    marks = Marks(reading("k7f2", "m3xa"))
    begun = streamed(marks, [*pieces, rest])
    last, complete = ended(marks, text)
    assert (begun + last, complete) == (expected, expected)
    assert done(marks, message(text)).text == expected


def test_a_turn_without_passages_keeps_its_text() -> None:
    marks, text = Marks(context()), "Art. [§abcd] "
    pieces = ["Art.", " [", "§ab", "cd] "]
    assert [streamed(marks, [piece]) for piece in pieces] == pieces
    assert ended(marks, text) == ("", text)
    assert done(marks, message(text)).text == text


def test_no_mark_looks_like_the_number_of_a_paragraph() -> None:
    # Every 800th would have digits alone.
    found = {note_passages(context(), f"t{number}", [BIRDS], ["a/1"])[0] for number in range(9_000)}
    assert not any(mark[2:-1].isdigit() for mark in found)


def test_arguments_of_calls_lose_their_marks() -> None:
    call = ResponseFunctionToolCall(
        arguments=json.dumps({"fact": "Herons nest [§k7f2] here", "list": ["a (§k7f2)", 1], "law": "[§1004]"}),
        call_id="c",
        name="remember",
        type="function_call",
    )
    broken = call.model_copy(update={"arguments": '{"fact": "[§k7f2]'})
    clean_arguments([call, broken], reading("k7f2"))
    assert json.loads(call.arguments) == {"fact": "Herons nest here", "list": ["a", 1], "law": "[§1004]"}
    assert broken.arguments == '{"fact": "[§k7f2]'
