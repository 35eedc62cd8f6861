"""The browser puts a registered file straight into the bucket, with the URL it was given and nothing else."""

from __future__ import annotations

import httpx2
import pytest
from chatkit.types import Attachment, AttachmentCreateParams, AttachmentUploadDescriptor, ImageAttachment

from assistant import files
from assistant.context import RequestContext
from assistant.errors import InvalidRequestError, NotFoundError, TooLargeError, UnsupportedTypeError
from assistant.files import S3AttachmentStore
from assistant.files.limits import MAX_ATTACHMENT_BYTES
from assistant.identity import Caller
from tests.support.files import PNG, TEXT

pytestmark = pytest.mark.anyio


async def register(
    context: RequestContext, *, name: str = "pixel.png", size: int = len(PNG), mime_type: str = "image/png"
) -> tuple[Attachment, AttachmentUploadDescriptor]:
    made = await S3AttachmentStore().create_attachment(
        AttachmentCreateParams(name=name, size=size, mime_type=mime_type), context
    )
    assert made.upload_descriptor is not None
    return made, made.upload_descriptor


async def put(web: httpx2.AsyncClient, descriptor: AttachmentUploadDescriptor, body: bytes, **headers: str) -> int:
    answer = await web.request(
        descriptor.method, str(descriptor.url), content=body, headers={**descriptor.headers, **headers}
    )
    return answer.status_code


async def test_the_announced_file_goes_into_the_bucket_and_is_read_by_its_preview(
    context: RequestContext, web: httpx2.AsyncClient
) -> None:
    made, descriptor = await register(context)
    assert await put(web, descriptor, PNG) == 200
    assert isinstance(made, ImageAttachment)
    shown = await web.get(str(made.preview_url))
    assert (shown.status_code, shown.content, shown.headers["content-type"]) == (200, PNG, "image/png")
    assert shown.headers["content-disposition"].startswith("inline;")


@pytest.mark.parametrize(
    ("body", "headers"),
    [(PNG + b"more", {}), (PNG[:-1], {}), (PNG, {"Content-Type": "text/html"}), (PNG, {"If-None-Match": '"an-etag"'})],
    ids=["a longer file", "a shorter file", "another type", "without the guard against overwriting"],
)
async def test_the_url_takes_nothing_but_what_was_announced(
    context: RequestContext, web: httpx2.AsyncClient, body: bytes, headers: dict[str, str]
) -> None:
    made, descriptor = await register(context)
    assert await put(web, descriptor, body, **headers) == 403
    assert isinstance(made, ImageAttachment)
    assert (await web.get(str(made.preview_url))).status_code == 404


async def test_the_url_takes_the_file_once(context: RequestContext, web: httpx2.AsyncClient) -> None:
    _, descriptor = await register(context)
    assert await put(web, descriptor, PNG) == 200
    other = PNG[:-1] + b"\x00"
    assert await put(web, descriptor, other) == 412


async def test_the_url_reaches_no_other_object(context: RequestContext, web: httpx2.AsyncClient) -> None:
    made, descriptor = await register(context)
    last = "1" if made.id.endswith("0") else "0"
    elsewhere = str(descriptor.url).replace(made.id, made.id[:-1] + last)
    answer = await web.put(elsewhere, content=PNG, headers=descriptor.headers)
    assert answer.status_code == 403


async def test_a_text_is_only_ever_downloaded(context: RequestContext, web: httpx2.AsyncClient) -> None:
    made, descriptor = await register(context, name="price \N{EURO SIGN}.txt", size=len(TEXT), mime_type="text/plain")
    assert await put(web, descriptor, TEXT) == 200
    read = await web.get(await files.read_url(context.resources, context.caller, made))
    assert read.content == TEXT
    assert (
        read.headers["content-disposition"]
        == "attachment; filename=\"price _.txt\"; filename*=UTF-8''price%20%E2%82%AC.txt"
    )


async def test_what_is_stored_holds_no_url_that_expires(context: RequestContext) -> None:
    made, _ = await register(context)
    stored = await files.load_attachment(context.resources.table, context.caller, made.id)
    assert stored.upload_descriptor is None
    assert isinstance(stored, ImageAttachment)
    assert str(stored.preview_url) == f"attachment:{made.id}"
    fresh = await files.with_fresh_urls(context.resources, context.caller, stored)
    assert isinstance(fresh, ImageAttachment)
    assert "X-Amz-Signature" in str(fresh.preview_url)


@pytest.mark.parametrize(
    ("size", "mime_type", "refusal"),
    [
        (0, "image/png", InvalidRequestError),
        (-1, "image/png", InvalidRequestError),
        (MAX_ATTACHMENT_BYTES + 1, "image/png", TooLargeError),
        (1, "text/html", UnsupportedTypeError),
        (1, "image/svg+xml", UnsupportedTypeError),
        (1, "nonsense", UnsupportedTypeError),
    ],
)
async def test_what_may_not_be_attached_is_refused_before_anything_is_written(
    context: RequestContext, size: int, mime_type: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await register(context, name="x", size=size, mime_type=mime_type)


async def test_deleting_removes_the_row_and_the_file(context: RequestContext, web: httpx2.AsyncClient) -> None:
    made, descriptor = await register(context)
    await put(web, descriptor, PNG)
    await S3AttachmentStore().delete_attachment(made.id, context)
    with pytest.raises(NotFoundError):
        await files.load_attachment(context.resources.table, context.caller, made.id)
    assert isinstance(made, ImageAttachment)
    assert (await web.get(str(made.preview_url))).status_code == 404
    with pytest.raises(NotFoundError):
        await S3AttachmentStore().delete_attachment(made.id, context)


async def test_a_guessed_id_of_someone_else_s_file_is_not_found(
    context: RequestContext, stranger: RequestContext, web: httpx2.AsyncClient
) -> None:
    made, descriptor = await register(context)
    await put(web, descriptor, PNG)
    with pytest.raises(NotFoundError):
        await S3AttachmentStore().delete_attachment(made.id, stranger)
    with pytest.raises(NotFoundError):
        await files.load_attachment(stranger.resources.table, stranger.caller, made.id)
    with pytest.raises(NotFoundError):
        await files.bind(stranger.resources, stranger.caller, [made.id], "thr_1")
    foreign = await files.with_fresh_urls(
        stranger.resources,
        stranger.caller,
        await files.load_attachment(context.resources.table, context.caller, made.id),
    )
    assert isinstance(foreign, ImageAttachment)
    assert (await web.get(str(foreign.preview_url))).status_code == 404


@pytest.mark.parametrize("name", [".", "..", "a/../b", "%2E%2E", "\N{PILE OF POO} ?#&+"])
async def test_a_user_of_any_name_can_upload(context: RequestContext, web: httpx2.AsyncClient, name: str) -> None:
    """Clients drop the segments `.` and `..` from a URL, after which its signature is wrong."""
    odd = RequestContext(Caller(name, name), context.resources)
    made, descriptor = await register(odd)
    assert await put(web, descriptor, PNG) == 200
    assert isinstance(made, ImageAttachment)
    assert (await web.get(str(made.preview_url))).content == PNG
    found, _ = await files.bind(odd.resources, odd.caller, [made.id], "thr_1")
    assert [each.id for each in found] == [made.id]
    await files.delete(odd.resources, odd.caller, made.id)
