"""The six streaming operations, and what each leaves in the thread."""

from __future__ import annotations

import asyncio

import pytest
from chatkit.actions import Action
from chatkit.types import (
    StructuredInputAnswerSubmission,
    StructuredInputItem,
    StructuredInputSubmission,
    ThreadAddStructuredInputParams,
    ThreadCustomActionParams,
    ThreadsAddStructuredInputReq,
    ThreadsCustomActionReq,
    UserMessageItem,
    WidgetItem,
    WorkflowItem,
)

from assistant.errors import ConflictError, InvalidRequestError, NotFoundError, ThreadLockedError
from assistant.operations.reads import list_threads
from assistant.threads import snapshot
from assistant.turns.plan import NOT_RUN
from tests.integration.turns.conftest import ProcessMaker, ask_the_page
from tests.support.provider_server import Answer, Cut, HttpError, ProviderServer, Reply, Text, ToolCall
from tests.support.turns import Process, addition, creation, follow, retry, said_by_user, text_of, tool_output

pytestmark = pytest.mark.anyio


async def test_a_retry_puts_a_new_answer_in_the_place_of_the_old_one(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await here.create("hello")
    message = await here.user_message(thread_id)
    provider.script(Answer(Text("a better answer")))
    client = await here.run(retry(thread_id, message.id))
    assert client.text == "a better answer"
    assert [text_of([item]) for item in await here.stored(thread_id)] == ["", "a better answer"]
    assert [each["role"] for each in provider.bodies[-1]["messages"]] == ["system", "user"]


async def test_a_retry_that_fails_loses_nothing(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process()
    thread_id = await here.create("hello")
    before = await here.stored(thread_id)
    message = await here.user_message(thread_id)
    provider.script(HttpError(401))
    client = await here.run(retry(thread_id, message.id))
    assert client.error is not None
    assert await here.stored(thread_id) == before
    provider.script(Answer(Text("half an"), Cut()))
    await here.run(retry(thread_id, message.id))
    assert (await here.stored(thread_id))[:2] == before, "the old answer goes only when the new one has come"


async def test_of_many_retries_that_fail_one_attempt_stays_beside_the_old_answer(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await here.create("hello")
    before = await here.stored(thread_id)
    message = await here.user_message(thread_id)
    attempts: list[Reply] = [Answer(Text("first half"), Cut()), HttpError(401), Answer(Text("second half"), Cut())]
    for attempt, said in zip(attempts, ("first half", "first half", "second half"), strict=True):
        provider.script(attempt)
        await here.run(retry(thread_id, message.id))
        stored = await here.stored(thread_id)
        assert stored[:2] == before
        assert [item.type for item in stored[2:]] == ["assistant_message", "task", "sdk_hidden_context"]
        assert text_of(stored[2:]).strip() == said
    provider.script(Answer(Text("a whole answer")))
    await here.run(retry(thread_id, message.id))
    assert [text_of([item]) for item in await here.stored(thread_id)] == ["", "a whole answer"]


async def test_what_came_between_two_retries_that_fail_stays(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process()
    thread_id = await here.create("hello")
    message = await here.user_message(thread_id)
    provider.script(Answer(Text("first half"), Cut()))
    await here.run(retry(thread_id, message.id))
    await here.say(thread_id, "go on")
    before = await here.stored(thread_id)
    provider.script(Answer(Text("second half"), Cut()))
    await here.run(retry(thread_id, message.id))
    assert (await here.stored(thread_id))[: len(before)] == before


async def test_a_retry_of_an_earlier_message_replaces_what_came_after_it(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await here.create("first")
    message = await here.user_message(thread_id)
    await here.say(thread_id, "second")
    await here.run(retry(thread_id, message.id))
    assert said_by_user(await here.stored(thread_id)) == ["first"]
    assert len(await here.stored(thread_id)) == 2


async def test_a_retry_of_an_unknown_item_is_a_clear_error(process: ProcessMaker) -> None:
    here = process()
    thread_id = await here.create("hello")
    with pytest.raises(NotFoundError):
        await here.start(retry(thread_id, "msg_unknown"))
    answer = (await here.stored(thread_id))[1]
    with pytest.raises(InvalidRequestError):
        await here.start(retry(thread_id, answer.id))


async def test_a_thread_that_is_closed_or_unknown_takes_no_message(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(ToolCall("close_thread")), Answer(Text("good bye")))
    here = process()
    handle = await here.start(creation("hello"))
    client = await follow(handle)
    assert "thread.updated" in client.types
    with pytest.raises(ThreadLockedError):
        await here.start(addition(handle.thread_id, "still there?"))
    with pytest.raises(ThreadLockedError):
        await here.start(retry(handle.thread_id, (await here.user_message(handle.thread_id)).id))
    with pytest.raises(NotFoundError):
        await here.start(addition("thr_unknown", "hello?"))
    assert len(provider.requests) == 2


async def test_a_bad_attachment_leaves_no_thread_behind(process: ProcessMaker) -> None:
    here = process()
    before = await list_threads(100, None, "desc", here.context())
    with pytest.raises(NotFoundError):
        await here.start(creation("hello", ["atc_unknown"]))
    assert await list_threads(100, None, "desc", here.context()) == before


async def test_a_client_tools_output_goes_on_with_the_turn(process: ProcessMaker, provider: ProviderServer) -> None:
    for api in ("chat_completions", "responses"):
        provider.reset()
        provider.script(Answer(ToolCall("ask_browser", call_id="call_b")))
        here = process(api)
        thread_id = await here.create("how wide is it?")
        call = await here.pending_call(thread_id)
        assert call.call_id != "call_b", "ids are our own, a provider's may repeat"
        provider.script(Answer(Text("it is wide")))
        client = await here.run(tool_output(thread_id, {"width": 800}))
        assert client.items[call.id].status == "completed"  # type: ignore[union-attr]  # the call, by its id
        assert _calls(provider) == [("browser", '{"width": 800}')]
        await here.say(thread_id, "and now?")
        assert _calls(provider) == [("browser", '{"width": 800}')], "its call stands once in the history"


async def test_of_two_client_tools_one_is_asked_for_and_the_model_is_told_of_the_other(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(
        Answer(
            ToolCall("locate", call_id="call_l"),
            ToolCall("ask_browser", call_id="call_b"),
            ToolCall("look_up", {"what": "it"}, call_id="call_u"),
        )
    )
    here = process()
    thread_id = await here.create("where am I, and how wide is it?")
    call = await here.pending_call(thread_id)
    assert call.name == "locate"
    provider.script(Answer(Text("in Cologne")))
    assert (await here.run(tool_output(thread_id, {"city": "Cologne"}))).error is None
    messages = provider.bodies[-1]["messages"]
    names = {made["id"]: made["function"]["name"] for each in messages for made in each.get("tool_calls") or []}
    told = {names[each["tool_call_id"]]: each["content"] for each in messages if each["role"] == "tool"}
    assert (told["locate"], told["look_up"]) == ('{"city": "Cologne"}', "found it")
    assert "This tool did not run" in told["ask_browser"]


async def test_an_output_for_which_nothing_waits_is_refused_and_a_repeated_one_joins(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here = process()
    thread_id = await ask_the_page(here, provider)
    provider.script(Answer(Text("it is quite wide I think"), pause=0.1))
    first = await here.start(tool_output(thread_id, 1))
    again = await process().start(tool_output(thread_id, 1))
    assert again.turn_id == first.turn_id
    joined = await follow(again)
    assert joined.text == "it is quite wide I think"
    assert (await here.pending_call(thread_id)).id in joined.items
    with pytest.raises(ConflictError):
        await here.start(tool_output(thread_id, 1))
    assert len(provider.requests) == 2


async def test_two_different_outputs_at_once_are_one_output(process: ProcessMaker, provider: ProviderServer) -> None:
    here, there = process(), process()
    thread_id = await ask_the_page(here, provider)
    handles = await asyncio.gather(
        here.start(tool_output(thread_id, 1)), there.start(tool_output(thread_id, 2)), return_exceptions=True
    )
    refused = [each for each in handles if isinstance(each, BaseException)]
    assert [type(each) for each in refused] == [ConflictError]
    for each in handles:
        if not isinstance(each, BaseException):
            await each.wait()
    assert len(provider.requests) == 2


async def test_a_call_that_a_message_has_overtaken_comes_to_its_end_and_the_model_knows(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    for api in ("chat_completions", "responses"):
        provider.reset()
        provider.script(Answer(ToolCall("ask_browser", call_id="call_b")), Answer(Text("never mind then")))
        here = process(api)
        thread_id = await here.create("how wide is it?")
        call = await here.pending_call(thread_id)
        client = await here.say(thread_id, "never mind", known=await here.stored(thread_id))
        overtaken = await here.pending_call(thread_id)
        assert (overtaken.id, overtaken.status) == (call.id, "completed")
        assert client.items[call.id] == overtaken
        assert _calls(provider) == [("browser", f'"{NOT_RUN}"')]
        with pytest.raises(ConflictError):
            await here.start(tool_output(thread_id, {"width": 800}))


async def test_answers_to_other_questions_are_refused_and_the_form_stays_open(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(ToolCall("ask_form")))
    here = process()
    thread_id = await here.create("hello")

    async def form() -> StructuredInputItem:
        return next(item for item in await here.stored(thread_id) if isinstance(item, StructuredInputItem))

    def answering(question: str, item_id: str) -> ThreadsAddStructuredInputReq:
        answers = {question: StructuredInputAnswerSubmission(values=["because"])}
        submission = StructuredInputSubmission(status="answered", answers=answers)
        params = ThreadAddStructuredInputParams(thread_id=thread_id, item_id=item_id, input=submission)
        return ThreadsAddStructuredInputReq(params=params)

    asked = await form()
    with pytest.raises(InvalidRequestError, match="question"):
        await here.start(answering("where", asked.id))
    assert await form() == asked
    assert (await here.run(answering("why", asked.id))).error is None
    assert (await form()).status == "answered"


async def test_answers_to_a_form_go_on_with_the_turn(process: ProcessMaker, provider: ProviderServer) -> None:
    provider.script(Answer(ToolCall("ask_form")))
    here = process()
    thread_id = await here.create("hello")
    form = next(item for item in await here.stored(thread_id) if isinstance(item, StructuredInputItem))
    submission = StructuredInputSubmission(
        status="answered", answers={"why": StructuredInputAnswerSubmission(values=["because"])}
    )
    request = ThreadsAddStructuredInputReq(
        params=ThreadAddStructuredInputParams(thread_id=thread_id, item_id=form.id, input=submission)
    )
    client = await here.run(request)
    assert client.error is None
    assert client.items[form.id].status == "answered"  # type: ignore[union-attr]  # the form, by its id
    assert "Why?: because" in str(provider.bodies[-1]["messages"])
    with pytest.raises(ConflictError):
        await here.start(request)


@pytest.mark.parametrize("read", [2, 50])
async def test_answers_to_a_form_of_long_ago_are_the_last_that_the_model_reads(
    process: ProcessMaker, provider: ProviderServer, monkeypatch: pytest.MonkeyPatch, read: int
) -> None:
    monkeypatch.setattr(snapshot, "SNAPSHOT_ITEMS", read)
    here = process(history_max_tokens=600)
    provider.script(Answer(ToolCall("ask_form")))
    thread_id = await here.create("hello")
    form = next(item for item in await here.stored(thread_id) if isinstance(item, StructuredInputItem))
    await here.say(thread_id, "first something else")
    submission = StructuredInputSubmission(
        status="answered", answers={"why": StructuredInputAnswerSubmission(values=["because"])}
    )
    params = ThreadAddStructuredInputParams(thread_id=thread_id, item_id=form.id, input=submission)
    assert (await here.run(ThreadsAddStructuredInputReq(params=params))).error is None
    told = provider.bodies[-1]["messages"]
    assert "Why?: because" in str(told[-1])
    assert "first something else" in str(told[:-1])
    stored = [item.type for item in await here.stored(thread_id)]
    assert stored.index("structured_input") < stored.index("assistant_message"), "its place is that of the question"


async def test_a_click_changes_the_widget_of_an_earlier_turn_in_its_place(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    here, there = process(), process()
    thread_id, widget = await _with_card(here, provider)
    await here.say(thread_id, "thanks")
    request = _click(thread_id, widget, "change")
    client = await here.run(request, key="k1")
    assert client.types[-1] == "thread.item.replaced"
    stored = await here.stored(thread_id)
    assert [item.id for item in stored if isinstance(item, WidgetItem)] == [widget.id]
    changed = next(item for item in stored if isinstance(item, WidgetItem))
    assert (changed.copy_text, changed.created_at) == ("changed", widget.created_at)
    assert stored.index(changed) < len(stored) - 2, "it keeps its place"
    joined = await there.run(request, key="k1")
    assert joined.items == {widget.id: changed}


async def test_a_click_that_fails_leaves_the_thread_as_it_was(process: ProcessMaker, provider: ProviderServer) -> None:
    here = process()
    thread_id, widget = await _with_card(here, provider)
    before = await here.stored(thread_id)
    client = await here.run(_click(thread_id, widget, "fail"))
    assert client.error is not None
    assert await here.stored(thread_id) == before


async def test_a_workflow_left_open_is_closed_by_the_turn_that_goes_on_with_it(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(ToolCall("ask_browser"), ToolCall("note", {"text": "one"})))
    here = process()
    thread_id = await here.create("hello")
    (opened,) = [item for item in await here.stored(thread_id) if isinstance(item, WorkflowItem)]
    provider.script(Answer(ToolCall("note", {"text": "two"})), Answer(Text("done")))
    client = await here.run(tool_output(thread_id, 1), known=await here.shown(thread_id))
    assert client.error is None
    (closed,) = [item for item in await here.stored(thread_id) if isinstance(item, WorkflowItem)]
    assert closed.id == opened.id
    assert [task.title for task in closed.workflow.tasks] == ["Noting one", "Noting two"]
    assert closed.created_at == opened.created_at
    assert closed.workflow.summary is not None


async def test_a_workflow_that_no_later_turn_goes_on_with_is_finished_at_the_end_of_its_turn(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(ToolCall("open_steps")))
    here = process()
    client = await here.run(creation("hello"))
    assert client.error is None
    (finished,) = [item for item in client.items.values() if isinstance(item, WorkflowItem)]
    assert finished.id in client.complete
    assert finished.workflow.summary is not None
    (stored,) = [item for item in await here.stored(finished.thread_id) if isinstance(item, WorkflowItem)]
    assert stored == finished


async def test_what_an_agent_changes_in_the_thread_is_stored_and_sent(
    process: ProcessMaker, provider: ProviderServer
) -> None:
    provider.script(Answer(ToolCall("retitle", {"title": "Greetings"})), Answer(Text("hi")))
    here = process()
    handle = await here.start(creation("hello"))
    client = await follow(handle)
    assert client.types.count("thread.updated") == 1
    assert (await here.thread(handle.thread_id)).title == "Greetings"


async def test_a_message_is_stored_as_it_was_sent(process: ProcessMaker) -> None:
    here = process()
    request = creation("hello")
    request.params.input.quoted_text = "as you said"
    handle = await here.start(request)
    await handle.wait()
    message = await here.user_message(handle.thread_id)
    assert isinstance(message, UserMessageItem)
    assert message.quoted_text == "as you said"
    assert message.created_at.utcoffset() is not None


async def _with_card(here: Process, provider: ProviderServer) -> tuple[str, WidgetItem]:
    provider.script(Answer(ToolCall("show_card", {"text": "a card"})), Answer(Text("there it is")))
    thread_id = await here.create("show it")
    widget = next(item for item in await here.stored(thread_id) if isinstance(item, WidgetItem))
    return thread_id, widget


def _click(thread_id: str, widget: WidgetItem, kind: str) -> ThreadsCustomActionReq:
    return ThreadsCustomActionReq(
        params=ThreadCustomActionParams(
            thread_id=thread_id, item_id=widget.id, action=Action(type=kind, payload={"n": 1})
        )
    )


def _calls(provider: ProviderServer) -> list[tuple[str, str]]:
    """Return the calls in the last request to the model, with their outputs."""
    body = provider.bodies[-1]
    if "input" in body:
        names = {each["call_id"]: each["name"] for each in body["input"] if each.get("type") == "function_call"}
        return [
            (names.pop(each["call_id"]), each["output"])
            for each in body["input"]
            if each.get("type") == "function_call_output"
        ]
    names = {call["id"]: call["function"]["name"] for each in body["messages"] for call in each.get("tool_calls") or []}
    return [(names.pop(each["tool_call_id"]), each["content"]) for each in body["messages"] if each["role"] == "tool"]
