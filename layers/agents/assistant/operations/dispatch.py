"""Perform the ten ChatKit operations that do not stream. Each imports only the modules that it needs."""

from __future__ import annotations

import asyncio
import base64
from functools import partial
from importlib import import_module
from typing import assert_never

from chatkit.types import (
    AttachmentsCreateReq,
    AttachmentsDeleteReq,
    InputTranscribeReq,
    ItemsFeedbackReq,
    ItemsListReq,
    NonStreamingReq,
    SyncCustomActionResponse,
    ThreadsDeleteReq,
    ThreadsGetByIdReq,
    ThreadsListReq,
    ThreadsSyncCustomActionReq,
    ThreadsUpdateReq,
    WidgetItem,
)
from pydantic import BaseModel

from assistant import files, quotas
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError
from assistant.jobs import CANCEL_JOB, cancelled_card
from assistant.memory import FORGET, forgotten_card
from assistant.operations import feedback, reads
from assistant.operations.answers import readable, serialized
from assistant.text import one_line
from assistant.threads import ThreadStore, client_thread, thread_store

NOTHING = b"{}"
# 100 titles of 4-byte characters fit into one Query, which returns at most 1 MB.
MAX_TITLE_CHARACTERS = 500


async def perform(request: NonStreamingReq, context: RequestContext) -> bytes:
    """Perform an operation and return its answer as JSON.

    Raises:
        AssistantError: The operation failed and has changed nothing.
    """
    store = thread_store(context.resources)
    match request:
        case ThreadsGetByIdReq(params=get):
            return await readable(await reads.get_thread(get.thread_id, context), context)
        case ThreadsListReq(params=threads):
            return serialized(await reads.list_threads(threads.limit, threads.after, threads.order, context))
        case ItemsListReq(params=items):
            page = await reads.list_items(items.thread_id, items.limit, items.after, items.order, context)
            return await readable(page, context)
        case ThreadsUpdateReq(params=update):
            title = one_line(update.title, MAX_TITLE_CHARACTERS, "A title")
            thread = await store.load_thread(update.thread_id, context)
            thread.title = title
            await store.save_thread(thread, context)
            return serialized(client_thread(thread))
        case ThreadsDeleteReq(params=delete):
            await store.delete_thread(delete.thread_id, context)
            return NOTHING
        case ItemsFeedbackReq(params=opinion):
            await feedback.save(opinion.thread_id, opinion.item_ids, opinion.kind, context)
            return NOTHING
        case AttachmentsCreateReq(params=create):
            # A refused file uses up no upload of the day.
            files.check_announced(create)
            await quotas.claim("upload", context)
            return serialized(await files.S3AttachmentStore().create_attachment(create, context))
        case AttachmentsDeleteReq(params=removal):
            await files.delete(context.resources, context.caller, removal.attachment_id)
            return NOTHING
        case InputTranscribeReq(params=speech):
            return await _transcribe(speech.audio_base64, speech.mime_type, context)
        case ThreadsSyncCustomActionReq():
            return await _sync_action(request, store, context)
        case _:
            assert_never(request)


async def read_items(thread_id: str, after: str | None, context: RequestContext) -> bytes:
    """Return a page of a thread's items, the newest first, as `items.list` does."""
    return await readable(await reads.list_items(thread_id, None, after, "desc", context), context)


async def _transcribe(audio_base64: str, mime_type: str, context: RequestContext) -> bytes:
    try:
        audio = base64.b64decode(audio_base64, validate=True)
    except ValueError:
        raise InvalidRequestError("The audio is not valid base64.") from None
    speech = await asyncio.to_thread(import_module, "assistant.operations.speech")
    result: BaseModel = await speech.transcribe(audio, mime_type, context)
    return serialized(result)


async def _sync_action(request: ThreadsSyncCustomActionReq, store: ThreadStore, context: RequestContext) -> bytes:
    params = request.params
    await quotas.load_records(context)
    await quotas.check_action(params.action, context)
    thread = await store.load_thread(params.thread_id, context)
    # The platform's own cards need no agent.
    own = {FORGET: forgotten_card, CANCEL_JOB: cancelled_card}.get(params.action.type)
    server = None if own is not None else await asyncio.to_thread(import_module, "assistant.agent.server")
    # Imported after the thread above has loaded it with the server.
    from assistant.turns import when_stored

    sender: WidgetItem | None = None
    if params.item_id is not None:
        read = partial(store.load_item, params.thread_id, params.item_id, context)
        item = await when_stored(read, params.thread_id, context)
        if not isinstance(item, WidgetItem):
            raise InvalidRequestError("The item is not a widget, so it has no actions.")
        sender = item
    if own is not None:
        response = SyncCustomActionResponse(updated_item=await own(params.action, sender, context))
    elif server is not None:
        response = await server.AssistantServer(store, context).sync_action(thread, params.action, sender, context)
    if response.updated_item is not None:
        # A click does not bring back a card that a retry has removed meanwhile.
        is_sender = sender is not None and response.updated_item.id == sender.id
        save = store.replace_item if is_sender else store.save_item
        await save(params.thread_id, response.updated_item, context)
    return serialized(response)
