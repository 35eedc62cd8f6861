"""The recipes of docs/models.md as settings: `make eval RECIPE=ollama` runs the sample conversations with one of them.

The environment and `.env` have the key (`LLM_API_KEY`), and may replace each setting, such as the model.
"""

from __future__ import annotations

from collections.abc import Mapping


def _compatible(base_url: str, model: str, **more: str) -> dict[str, str]:
    return {"LLM_PROVIDER": "compatible", "LLM_BASE_URL": base_url, "LLM_DEFAULT_MODEL": model, **more}


RECIPES: Mapping[str, Mapping[str, str]] = {
    "anthropic": _compatible("https://api.anthropic.com/v1/", "claude-sonnet-4-5"),
    "azure": _compatible("https://RESOURCE.openai.azure.com/openai/v1", "gpt-5-mini"),
    "bedrock": _compatible("https://bedrock-runtime.REGION.amazonaws.com/openai/v1", "openai.gpt-oss-120b-1:0"),
    "litellm": _compatible("http://127.0.0.1:4000/v1", "claude-sonnet"),
    "llama.cpp": _compatible("http://127.0.0.1:8080/v1", "any"),
    "mistral": _compatible("https://api.mistral.ai/v1", "mistral-medium-latest", LLM_CAPABILITIES="-stream_options"),
    "ollama": _compatible("http://127.0.0.1:11434/v1", "qwen3:8b"),
    "openrouter": _compatible("https://openrouter.ai/api/v1", "qwen/qwen3-8b"),
    "vllm": _compatible("http://127.0.0.1:8000/v1", "Qwen/Qwen3-8B"),
}
