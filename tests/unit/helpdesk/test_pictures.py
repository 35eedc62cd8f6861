"""Only providers with a picture tool get it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assistant.settings import Secret, Settings
from helpdesk.specialists.general import picture_tools

OPENAI = Settings(llm_provider="openai", openai_api_key=Secret(value="sk-test"), image_model="gpt-image-x")


def test_openai_draws_with_the_configured_model_in_steps() -> None:
    (tool,) = picture_tools(OPENAI)
    assert tool.tool_config == {"type": "image_generation", "model": "gpt-image-x", "partial_images": 2}


@pytest.mark.parametrize(
    "settings",
    [
        Settings(llm_provider="gemini"),
        Settings(llm_provider="demo"),
        replace(OPENAI, openai_api="chat_completions"),
        # The fallback may have to answer, and would refuse the tool.
        replace(OPENAI, llm_fallback="gemini"),
    ],
)
def test_without_the_hosted_tool_there_is_none(settings: Settings) -> None:
    assert picture_tools(settings) == []
