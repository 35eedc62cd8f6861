"""What the dev server sets for the functions."""

from __future__ import annotations

import pytest

from assistant.settings import Settings
from helpdesk.specialists.classifier import SPECIALISTS
from local.settings import DevSettingsError, load_dev_settings, offered_tools


def test_the_page_offers_tools_that_the_agents_have() -> None:
    known = {tool.name for build in SPECIALISTS.values() for tool in build(Settings()).tools}
    assert set(offered_tools({}).split(",")) <= known
    assert offered_tools({"AGENT_FACTORY": Settings.agent_factory}) == offered_tools({})
    assert offered_tools({"AGENT_FACTORY": "acme:build_agent"}) == ""


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("STREAM_PORT", "65536"), ("RELOAD", "maybe")])
def test_what_cannot_be_used_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(DevSettingsError, match=f"{name} must be .*{value}"):
        load_dev_settings({name: value})


def test_the_code_is_watched_unless_it_is_not_wanted() -> None:
    assert [load_dev_settings({"RELOAD": value}).reload for value in ("", "on", "False", "0")] == [
        True,
        True,
        False,
        False,
    ]
