"""Titles of threads, written beside the answer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents.testing import ModelStep, ScriptedModel, assistant_message
from chatkit.types import ThreadMetadata, UserMessageItem, UserMessageTagContent, UserMessageTextContent

from assistant.agent import titles
from assistant.agent.titles import Title
from assistant.clock import now
from assistant.context import RequestContext, Resources
from assistant.errors import ModelUnavailableError
from assistant.identity import Caller
from assistant.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def context() -> RequestContext:
    return RequestContext(Caller("acme", "ann"), Resources(Settings()))


@pytest.fixture
def thread() -> ThreadMetadata:
    return ThreadMetadata(id="thr_1", created_at=now())


def message(text: str) -> UserMessageItem:
    content = [UserMessageTextContent(text=text)]
    return UserMessageItem(id="msg_1", thread_id="thr_1", created_at=now(), content=content, inference_options={})


def scripted(monkeypatch: pytest.MonkeyPatch, *steps: Any) -> ScriptedModel:
    model = ScriptedModel(steps)
    monkeypatch.setattr(titles, "build_model", lambda *given: model)
    return model


async def test_the_demo_model_titles_a_thread_by_its_first_words(
    thread: ThreadMetadata, context: RequestContext
) -> None:
    await Title(thread, message("Where is my order 1002 and when will it come?"), context).settle()
    assert thread.title == "Where is my order 1002 and"
    assert (context.report.model_calls, context.report.output_tokens > 0) == (1, True)


async def test_a_title_keeps_mentions(thread: ThreadMetadata, context: RequestContext) -> None:
    tag = UserMessageTagContent(id="employee-7", text="Zeeshan", data={})
    content = [UserMessageTextContent(text="Where is "), tag, UserMessageTextContent(text=" today?")]
    await Title(thread, message("").model_copy(update={"content": content}), context).settle()
    assert thread.title == "Where is @Zeeshan today?"


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ('"A lost order."', "A lost order"),
        ("A\nlost  order", "A lost order"),
        ("A\x00lost \x1b[31morder\x7f", "A lost [31morder"),
        ("x" * 200, "x" * 60),
        ("\x07", None),
        ("", None),
    ],
)
async def test_a_title_is_one_short_line(
    thread: ThreadMetadata, context: RequestContext, monkeypatch: pytest.MonkeyPatch, answer: str, title: str | None
) -> None:
    scripted(monkeypatch, [assistant_message(answer)])
    await Title(thread, message("Where is it?"), context).settle()
    assert thread.title == title


async def test_a_thread_with_a_title_or_a_turn_without_a_message_asks_nothing(
    thread: ThreadMetadata, context: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = scripted(monkeypatch)
    await Title(thread, None, context).settle()
    await Title(thread, message("  "), context).settle()
    thread.title = "Mine"
    await Title(thread, message("Where is it?"), context).settle()
    assert model.calls == ()
    assert thread.title == "Mine"


async def test_a_title_that_the_user_gives_meanwhile_stays(
    thread: ThreadMetadata, context: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(monkeypatch, [assistant_message("The model's")])
    title = Title(thread, message("Where is it?"), context)
    thread.title = "The user's"
    await title.settle()
    assert thread.title == "The user's"


async def test_a_failure_to_write_a_title_fails_no_turn_and_shows_no_text(
    thread: ThreadMetadata,
    context: RequestContext,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    scripted(monkeypatch, ModelStep.raise_error(ModelUnavailableError("hunter2")))
    await Title(thread, message("Where is it?"), context).settle()
    assert thread.title is None
    assert "No title was written" in caplog.text
    assert not [
        record for record in caplog.records if record.name == titles.__name__ and "hunter2" in str(vars(record))
    ]


async def test_a_dropped_title_is_not_written(thread: ThreadMetadata, context: RequestContext) -> None:
    title = Title(thread, message("Where is it?"), context)
    title.drop()
    with pytest.raises(asyncio.CancelledError):
        await title.settle()
    assert thread.title is None
