"""Each reduction of any history is a valid request, and every ladder ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.agent.healing import MAX_REFUSALS, ladder_of, told
from assistant.agent.left_out import LeftOut
from assistant.agent.shortened import newest_turn, shortened, size_of, turns_of
from assistant.agent.valid_history import valid_history
from assistant.errors import (
    AssistantError,
    ModelContentFilteredError,
    ModelRefusedRequestError,
    ModelUnavailableError,
    RequestTooLongError,
)
from assistant.models.replay import for_responses
from tests.support.strict_provider import check_items, check_messages
from tests.unit.assistant.agent.test_valid_history import (
    CONTEXT,
    HISTORIES,
    PICTURE,
    answer,
    call,
    messages_of,
    result,
    user,
)

pytestmark = pytest.mark.anyio


def in_doubt() -> AssistantError:
    error = ModelUnavailableError()
    error.files_in_doubt = True
    return error


KINDS = st.sampled_from([ModelRefusedRequestError, RequestTooLongError, ModelContentFilteredError, in_doubt])


async def check(history: list[Any], kinds: list[Any]) -> None:
    """Refuse a history in several ways, one after the other. Each smaller request is valid."""
    given = valid_history(history)
    before, left_out = json.dumps(given), LeftOut()
    for kind in kinds:
        ladder = ladder_of(kind())
        assert ladder is not None
        steps = list(ladder(left_out, given))
        assert len(steps) <= MAX_REFUSALS
        for left_out in steps:
            reduced = await left_out.without(given, {})
            check_messages(messages_of(reduced))
            check_items(list(for_responses(reduced, stored=False)))
            told(LeftOut(), left_out, given, {})
            stored: dict[str, Any] = {}
            left_out.note(stored, "msg_1")
            assert LeftOut.of(json.loads(json.dumps(stored))).files == left_out.files
    assert json.dumps(given) == before, "the history itself is not changed"


@settings(max_examples=150, deadline=None)
@given(HISTORIES, st.lists(KINDS, min_size=1, max_size=3))
async def test_each_reduction_of_any_history_is_accepted(history: list[Any], kinds: list[Any]) -> None:
    await check(history, kinds)


@pytest.mark.exhaustive
@settings(max_examples=2_000, deadline=None)
@given(HISTORIES, st.lists(KINDS, min_size=1, max_size=3))
async def test_each_reduction_of_many_histories_is_accepted(history: list[Any], kinds: list[Any]) -> None:
    await check(history, kinds)


def test_joined_messages_are_split_into_their_turns() -> None:
    items: Any = [user("First", PICTURE), user(CONTEXT), user("Second"), user(CONTEXT)]
    joined = valid_history(items)
    assert len(joined) == 1
    assert [len(item["content"]) for (item,) in turns_of(joined)] == [3, 2]
    (newest,) = newest_turn(joined)
    assert json.loads(json.dumps(newest))["content"][0]["text"] == "Second"


def test_context_of_several_parts_starts_no_turn() -> None:
    marks = [{"type": "input_text", "text": "<context>"}, PICTURE, {"type": "input_text", "text": "</context>"}]
    items: Any = [user("Draw"), {"role": "user", "content": marks}, user("Again")]
    assert len(turns_of(valid_history(items))) == 2


def test_the_newest_turns_stay_within_the_budget() -> None:
    items: Any = [each for number in range(20) for each in (user(f"Question {number}"), answer("word " * 100))]
    items += [user("Last"), call("a", "find", json.dumps({"x": "y" * 9_000})), result("a", "found " * 2_000)]
    short = shortened(items, 3_000)
    text = json.dumps(short)
    assert size_of(short) <= 3_000
    assert ("Last" in text, "Question 19" in text, "Question 0" in text) == (True, True, False)
    check_messages(messages_of(valid_history(short)))


def test_other_errors_have_no_smaller_request() -> None:
    assert ladder_of(ModelUnavailableError()) is None
