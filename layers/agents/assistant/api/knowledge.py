"""`/chatkit/api/knowledge/documents`: add, list, replace and remove documents. `KNOWLEDGE` turns the routes on.

`scope` names whose documents: `tenant` (with `group` for those of one group alone), `user` or `thread` (with
`thread_id`). The tenant and the user come from the token.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from assistant.api.body import read_object
from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.aws.keys import Space
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError, NotFoundError

router = APIRouter()

PATH = "/chatkit/api/knowledge/documents"
# The message names what is wrong, and is no echo of a large body.
MAX_NAMED_CHARACTERS = 100
_WHERE = frozenset({"scope", "thread_id", "group"})
# What a body announces of an upload.
_NEEDED = {"name": str, "mime_type": str, "size": int}


async def _allowed(request: Request, context: CurrentContext) -> RequestContext:
    if not context.settings.knowledge.on:
        raise NotFoundError
    _check_names(request.query_params, _WHERE | {"after"})
    return context


def _check_names(given: Iterable[str], known: Set[str]) -> None:
    """Refuse other fields, such as `tenant_id`: a client would believe that they have an effect."""
    if unknown := sorted(set(given) - known):
        raise InvalidRequestError(f"Unknown: {', '.join(unknown)[:MAX_NAMED_CHARACTERS]}.")


Allowed = Annotated[RequestContext, Depends(_allowed)]


def _space(context: RequestContext, fields: dict[str, Any]) -> Space:
    from assistant import knowledge

    return knowledge.managed_space(context, fields)


async def _named_space(
    context: Allowed, scope: str = "user", thread_id: str | None = None, group: str | None = None
) -> Space:
    return _space(context, {"scope": scope, "thread_id": thread_id, "group": group})


# The space that a request's query names.
NamedSpace = Annotated[Space, Depends(_named_space)]


async def _document_space(context: Allowed, space: NamedSpace, document_id: str) -> Space:
    from assistant import knowledge

    return await knowledge.space_of_document(context, space, document_id)


# The space of the document that a request's path names.
DocumentSpace = Annotated[Space, Depends(_document_space)]


async def _announce(context: RequestContext, fields: dict[str, Any], document_id: str | None) -> Response:
    from assistant import knowledge

    _check_names(fields, _WHERE | _NEEDED.keys() | {"days"})
    space = _space(context, fields)
    for name, kind in _NEEDED.items():
        if not isinstance(fields.get(name), kind) or isinstance(fields[name], bool):
            raise InvalidRequestError(f"The body needs {', '.join(_NEEDED)}.")
    if document_id is not None:
        space = await _document_space(context, space, document_id)
    document, upload = await knowledge.announce(
        context,
        space,
        name=fields["name"],
        mime_type=fields["mime_type"],
        size=fields["size"],
        document_id=document_id,
        days=knowledge.checked_days(fields.get("days")),
    )
    return json_response({"document": asdict(document), "upload": asdict(upload)})


@router.get(PATH)
async def documents(context: Allowed, space: NamedSpace, after: str | None = None) -> Response:
    """Return a page of documents with their progress. `next` is the `after` of the next page."""
    from assistant import knowledge

    await knowledge.check_thread(context, space)
    found, following = await knowledge.page(context, space, after)
    return json_response({"data": [asdict(each) for each in found], "next": following})


@router.post(PATH)
async def add(request: Request, context: Allowed) -> Response:
    """Register a new document. The answer has the URL for its bytes."""
    return await _announce(context, await read_object(request), None)


@router.get(f"{PATH}/{{document_id}}")
async def document(context: Allowed, space: DocumentSpace, document_id: str) -> Response:
    """Return a document with its progress."""
    from assistant import knowledge

    return json_response({"document": asdict(knowledge.document_of(await knowledge.load(context, space, document_id)))})


@router.post(f"{PATH}/{{document_id}}")
async def replace(request: Request, context: Allowed, document_id: str) -> Response:
    """Register a new version of a document. Searches find the old version until the new one is read."""
    return await _announce(context, await read_object(request), document_id)


@router.post(f"{PATH}/{{document_id}}/complete")
async def complete(request: Request, context: Allowed, document_id: str) -> Response:
    """Check the uploaded bytes, and start to read the document."""
    from assistant import knowledge

    fields = await read_object(request)
    _check_names(fields, _WHERE)
    space = await _document_space(context, _space(context, fields), document_id)
    return json_response({"document": asdict(await knowledge.complete(context, space, document_id))}, 202)


@router.delete(f"{PATH}/{{document_id}}")
async def remove(context: Allowed, space: DocumentSpace, document_id: str) -> Response:
    """Remove a document. From now on no search finds it."""
    from assistant import knowledge

    await knowledge.remove(context, space, document_id)
    return json_response({"removed": True})
