"""The tools of the sample that the local page offers in its menu."""

from __future__ import annotations

from assistant.settings import Settings
from helpdesk.specialists.classifier import SPECIALISTS
from local.own import own_variables, package_of


def test_the_page_offers_tools_that_the_agents_have() -> None:
    known = {tool.name for build in SPECIALISTS.values() for tool in build(Settings()).tools}
    offered = own_variables(package_of({"AGENT_FACTORY": "helpdesk:build_agent"}), "", "", {})["ALLOWED_TOOLS"]
    assert set(offered.split(",")) <= known
