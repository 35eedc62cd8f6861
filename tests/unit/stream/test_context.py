"""The context object is compatible with awslambdaric's."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from awslambdaric.lambda_context import LambdaContext as TheirContext

from lambda_stream.context import ContextError, LambdaContext, function_facts, parse_header

CLIENT = {
    "client": {"installation_id": "i", "app_title": "t", "app_version_name": "v", "app_package_name": "p"},
    "custom": {"a": "b"},
    "env": {"locale": "de"},
    "w3c": {"traceparent": "00-0af7-b7ad-01", "tracestate": 7, "other": "x"},
}
IDENTITY = {"cognitoIdentityId": "id", "cognitoIdentityPoolId": "pool"}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    function_facts.cache_clear()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "stream")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
    monkeypatch.setenv("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/stream")


def both(client: dict[str, Any] | None, identity: dict[str, Any] | None) -> tuple[Any, Any]:
    deadline = int(time.time() * 1000) + 5000
    return (
        LambdaContext("id-1", copy.deepcopy(client), identity, deadline, "arn", "blue"),
        TheirContext("id-1", copy.deepcopy(client), identity, deadline, "arn", "blue"),
    )


def fields(value: Any) -> Any:
    """Return an object's public content, deep."""
    if hasattr(value, "__slots__"):
        return {name: fields(getattr(value, name)) for name in sorted(value.__slots__)}
    return value


@pytest.mark.parametrize("client", [None, {}, CLIENT])
@pytest.mark.parametrize("identity", [None, IDENTITY])
def test_it_has_the_fields_and_values_of_awslambdaric(client: Any, identity: Any) -> None:
    ours, theirs = both(client, identity)
    for name in vars(theirs):
        if not name.startswith("_"):
            expected = fields(getattr(theirs, name))
            if name == "identity" and identity is None:
                expected = {"cognito_identity_id": None, "cognito_identity_pool_id": None}
            assert fields(getattr(ours, name)) == expected, name
    assert ours.w3c() == theirs.w3c()
    assert abs(ours.get_remaining_time_in_millis() - theirs.get_remaining_time_in_millis()) < 100


def test_it_prints_as_awslambdaric_does_when_nothing_is_nested() -> None:
    ours, theirs = both(None, IDENTITY)
    assert repr(ours) == repr(theirs)


def test_the_remaining_time_never_goes_below_zero() -> None:
    assert LambdaContext("id", None, None, 1).get_remaining_time_in_millis() == 0


def test_log_writes_the_message_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    LambdaContext("id", None, None, 1).log("plain")
    assert "plain" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["{", "[]", "7"])
def test_a_header_that_is_no_json_object_is_refused(text: str) -> None:
    with pytest.raises(ContextError, match="Client Context"):
        parse_header(text, "Client Context")
