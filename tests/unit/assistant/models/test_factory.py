"""The factory: the provider of the settings, its fallback, and nothing loaded before it is needed."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.errors import ConfigurationError
from assistant.models import build_model, warm_up
from assistant.models.chain import ModelChain
from assistant.settings import DEFAULT_GEMINI_MODEL, DEFAULT_OPENAI_MODEL, Secret, Settings

LAYER = Path(__file__).parents[4] / "layers" / "agents"


def links(settings: Settings, model_name: str | None = None) -> list[tuple[str, str]]:
    model = build_model(settings, model_name)
    assert isinstance(model, ModelChain)
    return [(link.provider, link.model_name) for link in model.links]


def test_each_provider_has_its_current_default_model() -> None:
    key = Secret(value="k")
    assert links(Settings(llm_provider="openai", openai_api_key=key)) == [("openai", DEFAULT_OPENAI_MODEL)]
    assert links(Settings(llm_provider="gemini", gemini_api_key=key)) == [("gemini", DEFAULT_GEMINI_MODEL)]
    assert links(Settings(llm_provider="demo")) == [("demo", "demo")]


def test_another_model_is_the_first_providers_and_the_fallback_keeps_its_own() -> None:
    settings = Settings(llm_provider="openai", openai_api_key=Secret(value="k"), llm_fallback="demo")
    assert links(settings, "gpt-6-sol") == [("openai", "gpt-6-sol"), ("demo", "demo")]


def test_a_provider_is_not_its_own_fallback() -> None:
    assert links(Settings(llm_provider="demo", llm_fallback="demo")) == [("demo", "demo")]


def test_a_compatible_server_without_a_model_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="LLM_DEFAULT_MODEL"):
        build_model(Settings(llm_provider="compatible", llm_base_url="http://127.0.0.1:1/v1"))


def test_a_fallback_without_its_key_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="GEMINI_API_KEY"):
        build_model(Settings(llm_provider="demo", llm_fallback="gemini"))


def test_warming_up_reads_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Secret) -> str:
        raise AssertionError("a snapshot would contain the key")

    monkeypatch.setattr(Secret, "read", refuse)
    asyncio.run(warm_up(Settings(llm_provider="openai", openai_api_key=Secret(name="the-key"))))
    asyncio.run(warm_up(Settings(llm_provider="gemini", gemini_api_key=Secret(name="the-key"))))


def test_the_package_loads_neither_the_agents_sdk_nor_a_client() -> None:
    script = (
        "import sys; import assistant.models; "
        "print(sorted({'agents', 'openai', 'httpx2', 'boto3', 'chatkit'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(LAYER)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
