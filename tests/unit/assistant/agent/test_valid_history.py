"""Whatever a thread holds, the model input made of it is accepted by the strictest provider."""

from __future__ import annotations

import json
from typing import Any

import pytest
from agents.models.chatcmpl_converter import Converter
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.agent.valid_history import NO_ANSWER, NO_RESULT, valid_history
from assistant.models.replay import for_chat, for_responses
from tests.support.strict_provider import Refused, check_items, check_messages

CONTEXT = "<context>\nA widget was displayed.\n</context>"
TEXTS = st.sampled_from(["", "  ", "Hello", "My tasks", "a\nb", "ü"])
IDS = st.sampled_from(["", "a", "b", "add_task:0", "call_1"])
NAMES = st.sampled_from(["add_task", "", "transfer to tasks", "x" * 80, "find.tasks"])
ARGUMENTS = st.sampled_from(["{}", '{"title": "x"}', '{"title": "buy mi', "[]", '"x"', "7", "", '{"n": NaN}', None])
OUTPUTS = st.sampled_from(["done", "", None, [{"type": "input_text", "text": "done"}]])
PICTURE = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AAAA"}


def user(text: str, *parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}, *parts]}


def answer(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": text}


def run_answer(text: str) -> dict[str, Any]:
    """An answer as a run holds it, with parts."""
    part = {"type": "output_text", "text": text, "annotations": []}
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def refusal(text: str) -> dict[str, Any]:
    part = {"type": "refusal", "refusal": text}
    return {"id": "msg_2", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def call(call_id: str, name: str, arguments: str | None) -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": name, "arguments": arguments}


def result(call_id: str, output: Any) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


REASONING = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "sealed"}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}

CODE = {"type": "code_interpreter_call", "id": "ci_1", "container_id": "c", "code": "1", "outputs": None}
REQUESTS = st.sampled_from(["mcpr_1", "mcpr_2"])


def asked(request: str) -> dict[str, Any]:
    return {"type": "mcp_approval_request", "id": request, "name": "buy", "arguments": "{}", "server_label": "s"}


def decided(request: str, approve: bool) -> dict[str, Any]:
    return {"type": "mcp_approval_response", "approval_request_id": request, "approve": approve}


def called(request: str | None, item_id: str) -> dict[str, Any]:
    item = {"type": "mcp_call", "id": item_id, "name": "buy", "arguments": "{}", "server_label": "s", "output": "x"}
    return item if request is None else {**item, "approval_request_id": request}


# Every kind of item, from any provider, in any order: cut, failed, stopped and retried turns leave such histories.
ITEMS = st.one_of(
    st.builds(user, TEXTS),
    st.builds(user, TEXTS, st.just(PICTURE)),
    st.builds(lambda text: {"role": "user", "content": text}, TEXTS),
    st.just(user(CONTEXT)),
    st.builds(answer, TEXTS),
    st.builds(run_answer, TEXTS),
    st.builds(refusal, TEXTS),
    st.builds(call, IDS, NAMES, ARGUMENTS),
    st.builds(result, IDS, OUTPUTS),
    st.just(REASONING),
    st.just(SEARCH),
    st.just(CODE),
    st.builds(asked, REQUESTS),
    st.builds(decided, REQUESTS, st.booleans()),
    st.builds(called, st.one_of(st.none(), REQUESTS), st.sampled_from(["mcp_1", "mcp_2"])),
)
HISTORIES = st.lists(ITEMS, max_size=14)


def messages_of(items: list[Any]) -> list[Any]:
    """Return the messages that Chat Completions would get."""
    return list(Converter.items_to_messages(for_chat(items), model="any"))


def check(history: list[Any]) -> None:
    before = json.dumps(history)
    valid = valid_history(history)
    assert json.dumps(history) == before, "the history itself is not changed"
    check_messages(messages_of(valid))
    for stored in (True, False):
        check_items(list(for_responses(valid, stored=stored)))
    assert valid_history(valid) == valid, "a valid history stays as it is"
    contents = [item["content"] for item in history if item.get("role") == "user"]
    parts = [part for content in contents if isinstance(content, list) for part in content]
    said = [part["text"] for part in parts if part.get("text", "").strip()]
    kept = json.dumps(valid, ensure_ascii=False)
    assert all(json.dumps(text, ensure_ascii=False) in kept for text in said), "no word of the user is lost"


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_any_history_is_accepted(history: list[Any]) -> None:
    check(history)


@pytest.mark.exhaustive
@settings(max_examples=2_000, deadline=None)
@given(HISTORIES)
def test_any_of_many_histories_is_accepted(history: list[Any]) -> None:
    check(history)


def test_the_checker_refuses_what_providers_refuse() -> None:
    for history in (
        [user("x"), call("a", "add", "{}")],
        [user("x"), call("a", "add", "{}"), result("a", "1"), user("y")],
        [user("x"), user("y")],
        [user("x"), call("a", "add", "[]"), result("a", "1")],
    ):
        with pytest.raises(Refused):
            check_messages(messages_of(history))


def test_a_valid_history_stays_as_it_is() -> None:
    history: list[Any] = [
        user("Add 1 and 2"), REASONING, call("a", "add", '{"x": 1}'), result("a", "3"), answer("3."), user("Thanks"),
    ]  # fmt: skip
    assert valid_history(history) == history


def test_two_calls_of_one_id_keep_their_own_arguments_and_results() -> None:
    history: list[Any] = [
        user("Bread"), call("add:0", "add", '{"title": "bread"}'), result("add:0", "bread added"), answer("Done."),
        user("Eggs"), call("add:0", "add", '{"title": "eggs"}'), result("add:0", "eggs added"),
    ]  # fmt: skip
    valid: list[Any] = valid_history(history)
    pairs = [(each["call_id"], each.get("arguments") or each["output"]) for each in valid if "call_id" in each]
    assert pairs == [
        ("add:0", '{"title": "bread"}'),
        ("add:0", "bread added"),
        ("add:0_2", '{"title": "eggs"}'),
        ("add:0_2", "eggs added"),
    ]


def test_results_that_come_late_go_to_their_calls() -> None:
    history: list[Any] = [
        user("x"), call("a", "add", "{}"), answer("Wait."), call("b", "add", "{}"), result("b", "B"), result("a", "A"),
    ]  # fmt: skip
    valid: list[Any] = valid_history(history)
    assert [(each["call_id"], each["output"]) for each in valid if "output" in each] == [("a", "A"), ("b", "B")]


@pytest.mark.parametrize("arguments", ['{"title": "buy mi', "[]", '"x"', "7", ""])
def test_arguments_that_are_no_object_are_sent_as_an_empty_one(arguments: str) -> None:
    valid: list[Any] = valid_history([user("x"), call("a", "add", arguments)])  # type: ignore[list-item]
    assert valid[1]["arguments"] == "{}"
    assert valid[2]["output"] == NO_RESULT


def test_a_user_message_after_a_result_follows_a_sentence_of_the_assistant() -> None:
    history: list[Any] = [user("List"), call("a", "list", "{}"), result("a", "[]"), user(CONTEXT), user("Hi")]
    valid: list[Any] = valid_history(history)
    assert valid[3] == {"role": "assistant", "content": NO_ANSWER}
    assert [part["text"] for part in valid[4]["content"]] == [CONTEXT, "Hi"]


def test_a_note_between_a_result_and_the_answer_goes_to_the_next_message() -> None:
    history: list[Any] = [
        user("List"), call("a", "list", "{}"), result("a", "[]"), user(CONTEXT), answer("There."), user("Hi"),
    ]  # fmt: skip
    valid: list[Any] = valid_history(history)
    assert [each.get("role") or each["type"] for each in valid[2:]] == ["function_call_output", "assistant", "user"]
    assert [part["text"] for part in valid[-1]["content"]] == [CONTEXT, "Hi"]


def test_two_messages_of_the_user_are_sent_as_one() -> None:
    (joined,) = valid_history([user("First"), user("Second", PICTURE)])  # type: ignore[list-item]
    content: Any = dict(joined)["content"]
    assert content == [{"type": "input_text", "text": "First"}, {"type": "input_text", "text": "Second"}, PICTURE]


HOSTED: list[tuple[dict[str, Any], str]] = [
    (SEARCH, "A web search ran for: x"),
    (
        {**CODE, "code": "print(7)", "outputs": [{"type": "logs", "logs": "7"}]},
        "This code ran:\nprint(7)\nThe result: 7",
    ),
    (called(None, "mcp_1"), "The remote tool buy ran with {}\nThe result: x"),
    (
        {"type": "file_search_call", "id": "fs", "queries": ["q"], "results": [{"filename": "a.md", "text": "found"}]},
        "A file search ran for: q\nThe result: a.md: found",
    ),
]


@pytest.mark.parametrize(("item", "text"), HOSTED, ids=[item["type"] for item, _ in HOSTED])
def test_a_provider_without_hosted_tools_reads_their_calls_as_text(item: dict[str, Any], text: str) -> None:
    history: list[Any] = [user("Look"), item, answer("Found."), user("Thanks")]
    messages = messages_of(valid_history(history))
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[0]["content"][1]["text"] == f"<context>\n{text}\n</context>"


def test_a_hosted_call_without_its_reasoning_becomes_text() -> None:
    history: list[Any] = [user("Look"), {**REASONING, "encrypted_content": None}, SEARCH, answer("x"), user("y")]
    sent = [dict(item) for item in for_responses(history, stored=False)]
    assert [item.get("type") for item in sent].count("web_search_call") == 0
    assert "A web search ran for" in json.dumps(sent[0])


def test_an_approved_call_is_sent_to_be_made_only_in_its_own_run() -> None:
    approved: list[Any] = [user("Buy"), asked("mcpr_1"), decided("mcpr_1", True)]
    assert valid_history(approved) == approved
    approved.append(user("And?"))
    assert "mcp_approval" not in json.dumps(valid_history(approved))


@pytest.mark.parametrize(
    "history",
    [
        [user("Buy"), asked("mcpr_1"), user("And?")],
        [user("Buy"), decided("mcpr_1", True)],
        [user("Buy"), asked("mcpr_1"), decided("mcpr_1", True), user("And?")],
        [user("Buy"), called("mcpr_1", "mcp_1")],
        [user("Buy"), called(None, "mcp_1"), called(None, "mcp_1")],
    ],
    ids=["open request", "no request", "made again", "no approval", "one id"],
)
def test_the_checker_refuses_what_openai_refuses_of_hosted_tools(history: list[Any]) -> None:
    with pytest.raises(Refused):
        check_items(history)
    check_items([dict(item) for item in valid_history(history)])
