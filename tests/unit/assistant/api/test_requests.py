"""The three forms of a request."""

from __future__ import annotations

from typing import Any

import pytest
from chatkit.types import ThreadsAddUserMessageReq, ThreadsCreateReq, ThreadsListReq, UserMessageTextContent

from assistant.api.requests import parse_request
from assistant.errors import InvalidRequestError


def test_a_body_with_a_type_is_a_chatkit_request() -> None:
    parsed = parse_request({"type": "threads.list", "params": {"limit": 5}, "message": {"content": "ignored"}})
    assert isinstance(parsed.request, ThreadsListReq)
    assert not parsed.plain


def test_a_message_alone_is_the_plain_call_and_begins_a_thread() -> None:
    parsed = parse_request({"message": {"content": "hello"}})
    assert parsed.plain
    assert isinstance(parsed.request, ThreadsCreateReq)
    given = parsed.request.params.input
    assert given.content == [UserMessageTextContent(text="hello")]
    assert given.attachments == []


def test_an_input_alone_asks_for_chatkit_s_own_events() -> None:
    content = [{"type": "input_text", "text": "hello"}]
    given = {"content": content, "attachments": ["atc_1"], "quoted_text": "what you said"}
    parsed = parse_request({"input": given, "thread_id": None})
    assert not parsed.plain
    assert isinstance(parsed.request, ThreadsCreateReq)
    assert parsed.request.params.input.attachments == ["atc_1"]
    assert parsed.request.params.input.quoted_text == "what you said"


@pytest.mark.parametrize("shape", ["message", "input"])
def test_a_thread_id_goes_on_with_a_thread(shape: str) -> None:
    parsed = parse_request({shape: {"content": "hello"}, "thread_id": "thr_1"})
    assert isinstance(parsed.request, ThreadsAddUserMessageReq)
    assert parsed.request.params.thread_id == "thr_1"


def test_a_file_without_words_is_a_message() -> None:
    parsed = parse_request({"message": {"content": "", "attachments": ["atc_1"]}})
    assert isinstance(parsed.request, ThreadsCreateReq)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": None},
        {"type": "threads.unknown"},
        {"type": ["threads.list"]},
        {"type": "threads.list"},
        {"type": "threads.list", "params": {"limit": "many"}},
        {"message": "hello"},
        {"message": {}},
        {"message": {"content": ""}},
        {"message": {"content": " \n"}},
        {"message": {"content": None}},
        {"message": {"content": 5}},
        {"message": {"content": []}},
        {"message": {"content": ["hello"]}},
        {"message": {"content": [{"type": "input_audio"}]}},
        {"message": {"content": "hello", "attachments": "atc_1"}},
        {"message": {"content": "hello", "attachments": None}},
        {"message": {"content": "hello"}, "thread_id": 5},
        {"input": {"text": "hello"}},
    ],
)
def test_anything_else_is_invalid(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        parse_request(body)


def test_a_mistake_is_described_without_repeating_what_was_written() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_request({"type": "threads.add_user_message", "params": {"thread_id": {"my": "diary"}, "input": {}}})
    assert "diary" not in refused.value.message
    assert refused.value.message.count(";") == 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"type": "threads.list", "params": {"limit": "many"}}, "params.limit: Input should be a valid integer"),
        ({"type": "my diary"}, "type: Input should be one of 'threads.create', "),
        (
            {"input": {"content": [{"type": "my diary", "text": "a"}]}},
            "params.input.content.0.type: Input should be one of ",
        ),
        ({"input": {"content": [{"text": "my diary"}]}}, "params.input.content.0.type: Field required"),
        (
            {"type": "threads.custom_action", "params": {"thread_id": "a", "action": {"payload": "my diary"}}},
            "params.action.type: Field required",
        ),
        (
            {"type": "threads.sync_custom_action", "params": {"thread_id": "a", "action": {}}},
            "params.action.type: Field required",
        ),
    ],
)
def test_a_mistake_is_named_by_its_place(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_request(body)
    assert refused.value.message.startswith(message)
    assert "diary" not in refused.value.message
