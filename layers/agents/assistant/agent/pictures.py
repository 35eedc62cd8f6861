"""Offer the tool that draws pictures only if the user's limits allow one more picture."""

from __future__ import annotations

from collections.abc import Sequence

from agents import ImageGenerationTool
from agents.tool import Tool
from chatkit.agents import AgentContext
from chatkit.types import NoticeEvent

from assistant import quotas
from assistant.context import RequestContext
from assistant.errors import QuotaExceededError
from assistant.models import current_meter
from assistant.prices import price_of

REFUSED = "The limit for pictures is reached for today. The answer is written without one."


async def affordable(tools: Sequence[Tool], context: AgentContext[RequestContext]) -> list[Tool]:
    """Return the tools for the next model call.

    A tool that runs at OpenAI starts when the model wants it, and nobody can stop it then. So the picture is claimed
    before the call. A claim that no picture has used is given back at the end of the turn.
    """
    request = context.request_context
    offered = any(isinstance(tool, ImageGenerationTool) for tool in tools)
    if not offered or not quotas.has_picture_limit(request):
        return list(tools)
    claims = request.report.claimed_pictures
    if len(claims) <= current_meter().pictures:
        price = price_of(request.settings.prices, request.settings.image_model).picture
        try:
            claims.append(await quotas.claim("picture", request, price))
        except QuotaExceededError:
            if not request.report.picture_refused:
                request.report.picture_refused = True
                await context.stream(NoticeEvent(level="warning", message=REFUSED))
            return [tool for tool in tools if not isinstance(tool, ImageGenerationTool)]
    return list(tools)
