"""Each error has its own code and a suitable status."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant import errors
from assistant.errors import AssistantError, ConfigurationError


def family(root: type[AssistantError]) -> Iterator[type[AssistantError]]:
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from family(child)


ALL = sorted(family(AssistantError), key=lambda error: error.__name__)


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in ALL]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("error", ALL)
def test_an_error_has_a_status_of_the_contract_and_a_message_for_the_user(error: type[AssistantError]) -> None:
    assert error.status in {400, 401, 403, 404, 409, 413, 415, 429, 500, 503}
    assert error().message == error.default_message
    given = error("Said differently.")
    assert str(given) == "Said differently."
    # The text of a wrong setting is for the operator.
    told = error.default_message if issubclass(error, ConfigurationError) else "Said differently."
    assert given.message == told


@pytest.mark.parametrize("error", ALL)
def test_what_the_caller_must_change_is_not_tried_again(error: type[AssistantError]) -> None:
    if error.status in {400, 401, 403, 404, 413, 415}:
        assert not error.retryable
