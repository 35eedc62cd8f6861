"""The agent for general questions."""

from __future__ import annotations

from agents import Agent, ImageGenerationTool

from assistant.agent import PARTIAL_IMAGES
from assistant.memory import forget, remember
from assistant.settings import Settings
from helpdesk.specialists.instructions import HelpdeskAgent, with_caller
from helpdesk.tools.drafts import draft_message
from helpdesk.tools.help import search_help, set_theme

_INSTRUCTIONS = """\
You answer general questions about the company from the help centre. Search it first, and say so when it has
nothing; do not guess. You can also make the page light or dark, and write letters and e-mails with draft_message.
When the user asks you to remember something about them, use remember; when they ask you to forget it, use forget."""
_DRAWS = "You draw a picture when the user asks for one."
_DRAWS_NOT = "You cannot draw pictures in this deployment: say so when you are asked to."


def build_general_agent(settings: Settings) -> HelpdeskAgent:
    """Return the agent that answers from the help centre."""
    pictures = picture_tools(settings)
    agent: HelpdeskAgent = Agent(
        name="General",
        handoff_description=(
            "Answers general questions: opening hours, returns, shipping, contact, the page's look. "
            "Writes letters, draws pictures, remembers and forgets facts about the user."
        ),
        instructions=with_caller(f"{_INSTRUCTIONS} {_DRAWS if pictures else _DRAWS_NOT}"),
        tools=[search_help, set_theme, draft_message, remember, forget, *pictures],
    )
    if settings.knowledge.on:
        # Imported only if it is used: without KNOWLEDGE, a deployment has no documents.
        from assistant.knowledge import search_knowledge

        agent.tools.append(search_knowledge)
    if settings.support_roles:
        # Without staff, nobody would answer.
        from assistant.takeover import ask_for_a_person

        agent.tools.append(ask_for_a_person)
    if settings.mcp_server_url:
        # Imported only if it is used, because the MCP client takes half a second to import.
        from assistant.mcp_servers import SessionPerCall, ShownCalls

        agent.mcp_servers.append(SessionPerCall(settings.mcp_server_url))
        agent.hooks = ShownCalls()
    return agent


def picture_tools(settings: Settings) -> list[ImageGenerationTool]:
    """Return OpenAI's hosted tool for images, or nothing if a configured provider does not have it."""
    hosted = settings.llm_provider == "openai" and settings.openai_api == "responses"
    if not hosted or settings.llm_fallback not in (None, "openai"):
        return []
    return [
        ImageGenerationTool(
            {"type": "image_generation", "model": settings.image_model, "partial_images": PARTIAL_IMAGES}
        )
    ]
