"""Servers that refuse requests in the words of real ones, and a thread that talks to them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from assistant.demo.image import png
from tests.support.chatkit_client import ChatKitClient
from tests.support.provider_formats import Json
from tests.support.provider_server import Answer, HttpError, ProviderServer, RawStream, Reply, Text
from tests.support.strict_provider import Refused, check

Policy = Callable[[Json], Reply | None]
FINE = Answer(Text("All is well."))
RESPONSES = {"LLM_PROVIDER": "openai", "OPENAI_API_KEY": "sk-test"}
NO_PICTURE = "The model did not accept a picture. The answer was written without it."


def errors(thread: ChatKitClient) -> list[str]:
    """Return the messages of the errors of the last operation."""
    return [event["message"] for event in thread.events if event["type"] == "error"]


def notices(thread: ChatKitClient) -> list[str]:
    """Return the messages of the notices of the last operation."""
    return [event["message"] for event in thread.events if event["type"] == "notice"]


def said(body: Json) -> str:
    """Return what the model reads, without its instructions."""
    items = body.get("messages") or body.get("input") or []
    return json.dumps([item for item in items if item.get("role") != "system"])


def answers(policy: Policy, reply: Reply = FINE) -> Callable[[Json], Reply]:
    """Return a server's reply to a valid request that the policy lets through."""

    def reply_to(body: Json) -> Reply:
        try:
            check(body)
        except Refused as error:
            return HttpError(400, message=f"strict: {error}")
        return policy(body) or reply

    return reply_to


async def says(thread: ChatKitClient, provider: ProviderServer, policy: Policy, text: str, **more: Any) -> int:
    """Send a message to a server with a policy, and return how many requests it took."""
    provider.reset()
    provider.script(*[answers(policy)] * 20)
    await thread.say(text, **more)
    return len(provider.requests)


async def picture(thread: ChatKitClient) -> list[str]:
    """Upload a picture, and return its id."""
    return [await thread.upload("cat.png", "image/png", base64.b64decode(png("blue")))]


def has_picture(body: Json) -> bool:
    """Tell whether a request has a picture."""
    return '"image_url"' in said(body) or '"input_image"' in said(body)


def if_picture(refusal: Reply) -> Policy:
    """Return the policy of a server that takes no picture."""
    return lambda body: refusal if has_picture(body) else None


def if_said(words: str, refusal: Reply) -> Policy:
    """Return the policy of a server that refuses some words."""
    return lambda body: refusal if words in said(body) else None


def failed(code: str) -> RawStream:
    """Return a stream of the Responses API that fails with a code."""
    error = {"code": code, "message": "It could not be processed."}
    event = {
        "type": "response.failed",
        "sequence_number": 0,
        "response": {"id": "r", "status": "failed", "error": error},
    }
    return RawStream(f"event: response.failed\ndata: {json.dumps(event)}\n\n")


def in_words(status: int, message: str, **fields: Any) -> HttpError:
    """Return an error in a server's own words."""
    return HttpError(status, body={"error": {"message": message, **fields}})
