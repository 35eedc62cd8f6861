"""A claim is found by its name or by its path."""

from __future__ import annotations

from typing import Any

import pytest

from assistant.errors import ConfigurationError
from assistant.identity.claims import find_claim, first_claim, parse_condition, shown

CLAIMS: dict[str, Any] = {
    "sub": "ann",
    "https://acme.example/tenant": "acme",
    "https://acme.example/app": {"tenant.id": "globex", "a/b": "slash"},
    "cognito:groups": ["admin"],
    "app_metadata": {"tenant_id": "acme", "nested": {"deep": 1}},
    "app_metadata.role": "a name with a dot",
    "o": {"id": "org_1"},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sub", "ann"),
        ("https://acme.example/tenant", "acme"),
        ("cognito:groups", ["admin"]),
        ("o.id", "org_1"),
        ("app_metadata.tenant_id", "acme"),
        ("app_metadata.nested.deep", 1),
        ("app_metadata.role", "a name with a dot"),
        ("/app_metadata/tenant_id", "acme"),
        ("/https:~1~1acme.example~1app/tenant.id", "globex"),
        ("/https:~1~1acme.example~1app/a~1b", "slash"),
        ("o.id.more", None),
        ("sub.more", None),
        ("missing", None),
        ("o", {"id": "org_1"}),
        ("", None),
        ("/", None),
        (".", None),
    ],
)
def test_a_path_leads_to_its_value(path: str, value: Any) -> None:
    assert find_claim(CLAIMS, path) == value


def test_the_first_claim_with_a_value_counts() -> None:
    assert first_claim(CLAIMS, ("missing", "nothing", "o.id", "sub")) == ("o.id", "org_1")
    assert first_claim(CLAIMS, ("missing",)) == ("", None)


@pytest.mark.parametrize(
    ("text", "claims", "holds"),
    [
        ("token_use=access|id", {"token_use": "id"}, True),
        ("token_use=access|id", {"token_use": "refresh"}, False),
        ("token_use=access|id", {}, False),
        ("sts!=pending", {"sts": "pending"}, False),
        ("sts!=pending", {"sts": "active"}, True),
        ("sts!=pending", {}, True),
        ("is_anonymous!=true", {"is_anonymous": True}, False),
        ("is_anonymous!=true", {"is_anonymous": False}, True),
        ("roles=Chat.User", {"roles": ["Other", "Chat.User"]}, True),
        ("https://a.example/tier=pro", {"https://a.example/tier": "pro"}, True),
        ("a.b=1", {"a": {"b": 1}}, False),
    ],
)
def test_a_condition_compares_a_claim(text: str, claims: dict[str, Any], holds: bool) -> None:
    assert parse_condition(text).holds(claims) is holds


@pytest.mark.parametrize("text", ["token_use", "=access", "token_use=", "!=x"])
def test_a_malformed_condition_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="AUTH_REQUIRED_CLAIMS"):
        parse_condition(text)


def test_a_claim_in_a_log_line_is_short_and_on_one_line() -> None:
    assert "\n" not in shown("a\nb")
    assert len(shown("x" * 10_000)) < 200
