"""A message's files are there, are the caller's, and belong to one thread for ever."""

from __future__ import annotations

from io import BytesIO

import pytest
from chatkit.types import AttachmentCreateParams, FileAttachment

from assistant import files
from assistant.aws.table import ConditionFailedError
from assistant.context import RequestContext
from assistant.errors import (
    AttachmentInUseError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UnsupportedTypeError,
    UploadMissingError,
)
from assistant.files import S3AttachmentStore
from assistant.files.limits import MAX_ATTACHMENTS_PER_MESSAGE
from assistant.files.urls import object_key
from assistant.ids import new_id
from tests.support.files import PDF, PNG, TEXT

pytestmark = pytest.mark.anyio


async def sent(context: RequestContext, body: bytes = PNG, name: str = "pixel.png") -> str:
    made = await files.upload(
        context.resources, context.caller, BytesIO(body), name=name, declared_type="", size=len(body)
    )
    return made.id


async def registered(context: RequestContext, size: int) -> str:
    params = AttachmentCreateParams(name="a.pdf", size=size, mime_type="application/pdf")
    return (await S3AttachmentStore().create_attachment(params, context)).id


async def test_files_are_bound_in_the_order_of_the_message(context: RequestContext) -> None:
    ids = [await sent(context, body, name) for body, name in ((TEXT, "a.txt"), (PNG, "b.png"), (PDF, "c.pdf"))]
    ids.reverse()
    found, writes = await files.bind(context.resources, context.caller, ids, "thr_1")
    assert [(each.id, each.thread_id) for each in found] == [(each, "thr_1") for each in ids]
    await context.resources.table.transact(writes)
    stored = await files.load_attachment(context.resources.table, context.caller, ids[0])
    assert stored.thread_id == "thr_1"


async def test_a_file_named_twice_is_bound_once(context: RequestContext) -> None:
    made = await sent(context)
    found, writes = await files.bind(context.resources, context.caller, [made, made], "thr_1")
    assert len(found) == len(writes) == 1
    await context.resources.table.transact(writes)


async def test_the_same_thread_may_send_a_file_again_and_another_may_not(context: RequestContext) -> None:
    made = await sent(context)
    for _ in range(2):
        _, writes = await files.bind(context.resources, context.caller, [made], "thr_1")
        await context.resources.table.transact(writes)
    with pytest.raises(AttachmentInUseError):
        await files.bind(context.resources, context.caller, [made], "thr_2")


async def test_of_two_threads_that_send_a_file_at_once_one_gets_it(context: RequestContext) -> None:
    made = await sent(context)
    _, first = await files.bind(context.resources, context.caller, [made], "thr_1")
    _, second = await files.bind(context.resources, context.caller, [made], "thr_2")
    await context.resources.table.transact(first)
    with pytest.raises(ConditionFailedError) as refused:
        await context.resources.table.transact(second)
    assert isinstance(files.refusal(refused.value.row), AttachmentInUseError)


async def test_a_file_deleted_at_the_last_moment_is_not_sent(context: RequestContext) -> None:
    made = await sent(context)
    _, writes = await files.bind(context.resources, context.caller, [made], "thr_1")
    await S3AttachmentStore().delete_attachment(made, context)
    with pytest.raises(ConditionFailedError) as refused:
        await context.resources.table.transact(writes)
    assert isinstance(files.refusal(refused.value.row), NotFoundError)


async def test_a_file_that_was_never_uploaded_is_not_sent(context: RequestContext) -> None:
    arrived, missing = await sent(context), await registered(context, len(PDF))
    with pytest.raises(UploadMissingError):
        await files.bind(context.resources, context.caller, [arrived, missing], "thr_1")


async def test_an_empty_object_counts_as_not_uploaded(context: RequestContext) -> None:
    made = await registered(context, len(PDF))
    await context.resources.objects.put(object_key(context.caller, made), b"", "application/pdf")
    with pytest.raises(UploadMissingError):
        await files.bind(context.resources, context.caller, [made], "thr_1")


async def test_a_file_that_is_not_what_was_announced_is_not_sent(context: RequestContext) -> None:
    made = await registered(context, len(PNG))
    await context.resources.objects.put(object_key(context.caller, made), PNG, "application/pdf")
    with pytest.raises(UnsupportedTypeError):
        await files.bind(context.resources, context.caller, [made], "thr_1")


async def test_files_that_are_too_large_together_are_not_sent(context: RequestContext) -> None:
    ids = []
    for _ in range(2):
        body = PDF.ljust(8_000_000, b"\n")
        ids.append(await registered(context, len(body)))
        await context.resources.objects.put(object_key(context.caller, ids[-1]), body, "application/pdf")
    with pytest.raises(TooLargeError):
        await files.bind(context.resources, context.caller, ids, "thr_1")


async def test_too_many_files_are_refused_without_reading_one(context: RequestContext) -> None:
    ids = [new_id("atc") for _ in range(MAX_ATTACHMENTS_PER_MESSAGE + 1)]
    with pytest.raises(InvalidRequestError):
        await files.bind(context.resources, context.caller, ids, "thr_1")


@pytest.mark.parametrize("unknown", ["atc_unknown", "../../x", "a#b", "\N{PILE OF POO}"])
async def test_an_unknown_id_is_not_found(context: RequestContext, unknown: str) -> None:
    with pytest.raises(NotFoundError):
        await files.bind(context.resources, context.caller, [unknown], "thr_1")


@pytest.mark.parametrize("unusable", ["", "\x00", "\N{PILE OF POO}" * 500])
async def test_an_id_that_cannot_be_one_is_invalid(context: RequestContext, unusable: str) -> None:
    with pytest.raises(InvalidRequestError):
        await files.bind(context.resources, context.caller, [unusable], "thr_1")


async def test_an_attachment_that_the_deployment_saved_itself_needs_no_file(context: RequestContext) -> None:
    own = FileAttachment(id="file_of_ours", name="a.txt", mime_type="text/plain", metadata={"source": {"page": 1.5}})
    await files.save_attachment(context.resources.table, context.caller, own)
    assert await files.load_attachment(context.resources.table, context.caller, own.id) == own
    found, _ = await files.bind(context.resources, context.caller, [own.id], "thr_1")
    assert found[0].metadata == own.metadata


async def test_saving_keeps_the_thread_and_moves_to_no_other(context: RequestContext) -> None:
    table, caller = context.resources.table, context.caller
    made = await files.load_attachment(table, caller, await sent(context))
    await files.save_attachment(table, caller, made.model_copy(update={"thread_id": "thr_1"}))
    await files.save_attachment(table, caller, made)
    assert (await files.load_attachment(table, caller, made.id)).thread_id == "thr_1"
    with pytest.raises(AttachmentInUseError):
        await files.save_attachment(table, caller, made.model_copy(update={"thread_id": "thr_2"}))
