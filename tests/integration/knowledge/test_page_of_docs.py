"""The code of docs/knowledge.md does what the page says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from assistant.identity import Caller
from assistant.settings import load_settings
from local.settings import ROOT

pytestmark = pytest.mark.anyio

PAGE = (ROOT / "docs" / "knowledge.md").read_text(encoding="utf-8")


def names() -> dict[str, Any]:
    """Return what the page's code defines."""
    made: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(code, "docs/knowledge.md", "exec"), made)  # noqa: S102 - our own page
    return made


async def test_an_agent_has_the_tool_if_there_is_knowledge_and_the_hook_names_groups() -> None:
    made = names()
    env = {"AUTH_MODE": "guest", "LLM_PROVIDER": "demo"}
    assert made["build_agent"](load_settings(env)).tools == []
    [tool] = made["build_agent"](load_settings({**env, "KNOWLEDGE": "dynamodb"})).tools
    assert tool.name == "search_knowledge"
    assert list(tool.params_json_schema["properties"]) == ["question"]
    assert await made["search_spaces"](Caller("acme", "ann", "accountant")) == ["finance"]
    assert await made["search_spaces"](Caller("acme", "ann")) == []
