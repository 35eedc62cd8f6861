"""A request that Mangum cannot read gets 400. Lambda would answer an exception with 502."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.api import create_app, make_handler
from assistant.context import Resources
from assistant.settings import Settings
from tests.support.lambda_events import function_url_event, rest_api_event


def answer_to(event: dict[str, Any]) -> dict[str, Any]:
    app = create_app(Resources(Settings(auth_mode="guest")), streaming=False)
    return make_handler(app)(event, None)  # type: ignore[arg-type] # no deadline is set


@pytest.mark.parametrize("make", [function_url_event, rest_api_event])
def test_an_unreadable_request_is_a_400(make: Any) -> None:
    headers = {"x-forwarded-port": "none"} if make is function_url_event else {"x-forwarded-port": ["none"]}
    for event in (make("/health", headers=headers), make("/health", body="a", is_base64=True)):
        answer = answer_to(event)
        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["error"]["code"] == "invalid_request"
        assert answer["headers"]["content-type"] == "application/json"
    assert answer_to(make("/health"))["statusCode"] == 200
