"""What the dev server sets for the functions."""

from __future__ import annotations

from assistant.settings import Settings
from helpdesk.specialists.classifier import SPECIALISTS
from local.settings import offered_tools


def test_the_page_offers_tools_that_the_agents_have() -> None:
    known = {tool.name for build in SPECIALISTS.values() for tool in build(Settings()).tools}
    assert set(offered_tools({}).split(",")) <= known
    assert offered_tools({"AGENT_FACTORY": Settings.agent_factory}) == offered_tools({})
    assert offered_tools({"AGENT_FACTORY": "acme:build_agent"}) == ""
