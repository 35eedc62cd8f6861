"""`/chatkit/api/memory`: a user sees, changes and removes what the assistant keeps, and switches the memory off."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError

if TYPE_CHECKING:
    from assistant.memory import Fact

router = APIRouter()

PATH = "/chatkit/api/memory"


@router.get(PATH)
async def show(context: CurrentContext) -> Response:
    """Return `{"on": …, "facts": […], "most": …}`, the newest fact first."""
    return json_response(await _shown(context))


@router.post(PATH)
async def switch(request: Request, context: CurrentContext) -> Response:
    """Switch the memory by `{"on": true or false}`. The facts stay; no model reads them while it is off."""
    from assistant import memory

    on = (await read_object(request)).get("on")
    if not isinstance(on, bool):
        raise InvalidRequestError("The body needs 'on': true or false.")
    await memory.switch_memory(context, on=on)
    return json_response(await _shown(context))


@router.post(f"{PATH}/{{fact_id}}")
async def change(request: Request, context: CurrentContext, fact_id: str) -> Response:
    """Replace the text of one of the caller's facts by `{"fact": …}`; 404 for any other fact."""
    from assistant import memory

    text = (await read_object(request)).get("fact")
    if not isinstance(text, str):
        raise InvalidRequestError("The body needs 'fact': a text.")
    return json_response(_described(await memory.change_fact(fact_id, text, context)))


@router.delete(f"{PATH}/{{fact_id}}")
async def remove(context: CurrentContext, fact_id: str) -> Response:
    """Remove one of the caller's facts. The answer is the same for a fact that does not exist."""
    from assistant import memory

    await memory.remove_fact(fact_id, context)
    return json_response({})


async def _shown(context: RequestContext) -> dict[str, Any]:
    from assistant import memory

    found = await memory.load_memory(context.resources.table, context.caller)
    facts = [_described(fact) for fact in reversed(found.facts)]
    return {"on": found.on, "facts": facts, "most": memory.MAX_FACTS}


def _described(fact: Fact) -> dict[str, Any]:
    fields = asdict(fact)
    return {"id": fields.pop("id"), "fact": fields.pop("text"), **fields}
