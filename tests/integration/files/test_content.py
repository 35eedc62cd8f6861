"""What the model gets of a file."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import pytest
from chatkit.types import Attachment, FileAttachment, InferenceOptions, UserMessageItem, UserMessageTextContent

from assistant import files
from assistant.agent.conversion import ItemConverter
from assistant.context import RequestContext
from assistant.demo.words import read_conversation
from assistant.files import FileRoom, files_to_content
from assistant.files.limits import MAX_MESSAGE_BYTES, MAX_TEXT_CHARACTERS, MAX_UPLOAD_BYTES
from tests.support.files import PDF, PNG, TEXT

pytestmark = pytest.mark.anyio


async def upload(context: RequestContext, body: bytes, name: str) -> Attachment:
    return await files.upload(
        context.resources, context.caller, BytesIO(body), name=name, declared_type="", size=len(body)
    )


async def test_an_image_is_shown_whole(context: RequestContext) -> None:
    made = await upload(context, PNG, "pixel.png")
    [content] = await files.files_to_content([made], context, FileRoom())
    assert content["type"] == "input_image"
    kind, _, data = str(content["image_url"]).partition(",")
    assert (kind, b64decode(data)) == ("data:image/png;base64", PNG)


async def test_a_document_is_a_file_with_its_name(context: RequestContext) -> None:
    made = await upload(context, PDF, "invoice.pdf")
    [content] = await files.files_to_content([made], context, FileRoom())
    assert content["type"] == "input_file"
    assert content["filename"] == "invoice.pdf"
    assert b64decode(str(content["file_data"]).partition(",")[2]) == PDF


@pytest.mark.parametrize(
    "body",
    [TEXT, b"\xef\xbb\xbf" + TEXT, TEXT.decode().encode("utf-16"), TEXT.decode().encode("cp1252")],
    ids=["UTF-8", "UTF-8 with a mark", "UTF-16", "Windows"],
)
async def test_a_text_is_read_as_text_whatever_its_encoding(context: RequestContext, body: bytes) -> None:
    made = await upload(context, body, "prices.csv")
    [content] = await files.files_to_content([made], context, FileRoom())
    assert content == {"type": "input_text", "text": f"[The file 'prices.csv':]\n{TEXT.decode()}\n[End of the file.]"}


async def test_a_long_text_is_cut_and_says_so(context: RequestContext) -> None:
    made = await upload(context, b"z" * (MAX_TEXT_CHARACTERS + 1), "long.txt")
    [content] = await files.files_to_content([made], context, FileRoom())
    assert content["type"] == "input_text"
    assert content["text"].count("z") == MAX_TEXT_CHARACTERS
    assert f"[Cut after {MAX_TEXT_CHARACTERS} characters.]" in content["text"]


async def test_a_file_that_is_gone_becomes_a_sentence(context: RequestContext) -> None:
    made = await upload(context, PNG, "pixel.png")
    await files.delete(context.resources, context.caller, made.id)
    [content] = await files.files_to_content([made], context, FileRoom())
    assert content == {"type": "input_text", "text": "[The file 'pixel.png' is no longer available.]"}


async def test_someone_else_s_file_in_a_message_is_not_read(context: RequestContext, stranger: RequestContext) -> None:
    made = await upload(context, TEXT, "secret.txt")
    [content] = await files.files_to_content([made], stranger, FileRoom())
    assert content == {"type": "input_text", "text": "[The file 'secret.txt' is no longer available.]"}


async def test_an_attachment_without_a_file_of_ours_becomes_a_sentence(context: RequestContext) -> None:
    own = FileAttachment(id="../../elsewhere", name="a.txt", mime_type="text/plain")
    [content] = await files.files_to_content([own], context, FileRoom())
    assert content == {"type": "input_text", "text": "[The file 'a.txt' is of a type that cannot be read.]"}


async def test_the_demo_model_takes_a_text_file_for_a_file_and_not_for_the_user_s_words(
    context: RequestContext,
) -> None:
    message = UserMessageItem(
        id="msg_1",
        thread_id="thr_1",
        created_at=datetime.now(UTC),
        content=[UserMessageTextContent(text="What is in this file?")],
        attachments=[await upload(context, b"!tool add_task {}", "notes.txt")],
        inference_options=InferenceOptions(),
    )
    read = read_conversation(cast(Any, await ItemConverter(context).to_agent_input([message])))
    assert (read.said, read.files) == (("What is in this file?",), 1)


async def test_of_many_messages_files_a_request_holds_the_newest_and_names_the_others(context: RequestContext) -> None:
    """Without it a thread with large files in several messages is one that its provider refuses for ever."""
    body = PDF + b" " * (MAX_UPLOAD_BYTES - len(PDF))
    fit = MAX_MESSAGE_BYTES // len(body)
    messages = [
        UserMessageItem(
            id=f"msg_{number}",
            thread_id="thr_1",
            created_at=datetime.now(UTC),
            content=[UserMessageTextContent(text="Read this.")],
            attachments=[await upload(context, body, f"{number}.pdf")],
            inference_options=InferenceOptions(),
        )
        for number in range(fit + 2)
    ]
    given = await ItemConverter(context).to_agent_input(messages)
    files = [cast(dict[str, Any], item)["content"][1] for item in given]
    assert [each["type"] for each in files] == ["input_text"] * 2 + ["input_file"] * fit
    assert files[1]["text"].startswith("[The file '1.pdf' was sent earlier and does not fit with the newer files")


async def test_which_of_a_messages_files_fit_goes_by_their_order_and_not_by_the_buckets(
    context: RequestContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [await upload(context, TEXT, name) for name in ("first.txt", "second.txt", "third.txt")]
    asked: list[str] = []
    get = context.resources.objects.get

    async def the_last_first(key: str) -> bytes:
        asked.append(key)
        body = await get(key)
        await asyncio.sleep(0.2 * (len(files) - asked.index(key)))
        return body

    monkeypatch.setattr(context.resources.objects, "get", the_last_first)
    room = FileRoom()
    assert room.take(MAX_MESSAGE_BYTES - 2 * len(TEXT))
    given = await files_to_content(files, context, room)
    texts = [str(cast(dict[str, Any], each)["text"]) for each in given]
    assert [TEXT.decode() in text for text in texts] == [True, True, False]
    assert texts[2].startswith("[The file 'third.txt' was sent earlier and does not fit")
