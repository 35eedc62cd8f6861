"""Drawing pictures, where the provider can: OpenAI's hosted tool, on the Responses API."""

from __future__ import annotations

from agents import ImageGenerationTool

from assistant.agent import PARTIAL_IMAGES
from assistant.settings import Settings


def picture_tools(settings: Settings) -> list[ImageGenerationTool]:
    """Return the tool that draws, or none where a provider that may have to answer has no such tool."""
    hosted = settings.llm_provider == "openai" and settings.openai_api == "responses"
    if not hosted or settings.llm_fallback not in (None, "openai"):
        return []
    return [
        ImageGenerationTool(
            {"type": "image_generation", "model": settings.image_model, "partial_images": PARTIAL_IMAGES}
        )
    ]
