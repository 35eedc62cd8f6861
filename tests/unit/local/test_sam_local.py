"""The settings that `make sam-local` passes to the functions."""

from __future__ import annotations

from local.sam_local import passed_on
from local.template import load_template

VARIABLES = load_template()["Globals"]["Function"]["Environment"]["Variables"]


def test_ones_own_agents_keys_and_limits_reach_the_functions() -> None:
    own = {"AGENT_FACTORY": "acme:build_agent", "OPENAI_API_KEY": "key", "HISTORY_MAX_TOKENS": "9", "ON_BUSY": "reject"}
    assert passed_on({**own, "MCP_SERVER_URL": "", "PATH": "/bin", "STREAM_PORT": "8001"}, VARIABLES) == own


def test_who_may_call_and_where_things_are_kept_is_not_taken_from_the_environment() -> None:
    foreign = ["AUTH_MODE", "AUTH_JWKS_URL", "TABLE_NAME", "BUCKET_NAME", "POWERTOOLS_SERVICE_NAME"]
    assert set(foreign) <= set(VARIABLES)
    assert passed_on(dict.fromkeys(foreign, "x"), VARIABLES) == {}


def test_the_secrets_of_a_package_reach_the_functions_by_value() -> None:
    given = {"SHOP_KEY": "k", "SHOP_URL": "u", "OTHER": "o"}
    assert passed_on(given, ["SHOP_KEY_SECRET", "SHOP_URL"]) == {"SHOP_KEY": "k", "SHOP_URL": "u"}
