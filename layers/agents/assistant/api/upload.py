"""`POST /chatkit/api/upload`: the direct upload of a file, as `multipart/form-data` in the field `file`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from assistant import files, quotas
from assistant.api.body import limited_stream
from assistant.api.errors import json_response
from assistant.api.services import CurrentContext
from assistant.errors import InvalidRequestError
from assistant.files import MAX_UPLOAD_BYTES

router = APIRouter()

FIELD = "file"
# The size of a form without its file: boundaries, part headers and a few small fields that a client may add.
MAX_FRAME_BYTES = 64 * 1024
MAX_OTHER_FIELDS = 10


@router.post("/chatkit/api/upload")
async def upload(request: Request, context: CurrentContext) -> Response:
    """Store the file. The answer is ChatKit's attachment and `url`, a signed URL to read the file."""
    resources, caller = context.resources, context.caller
    form = await _form(request)
    try:
        file = form.get(FIELD)
        if not isinstance(file, UploadFile):
            raise InvalidRequestError(f"The form needs a file in the field '{FIELD}'.")
        announced: dict[str, Any] = {
            "name": file.filename or "",
            "declared_type": file.content_type or "",
            "size": file.size or 0,
        }
        # A refused file uses up no upload of the day.
        files.check_upload(file.file, **announced)
        await quotas.claim("upload", context)
        attachment = await files.upload(resources, caller, file.file, **announced)
    finally:
        await form.close()
    shown = await files.with_fresh_urls(resources, caller, attachment)
    answer = shown.model_dump(mode="json", exclude_none=True, context={"exclude_metadata": True})
    return json_response(answer | {"url": await files.read_url(resources, caller, attachment)})


async def _form(request: Request) -> FormData:
    """Return the parsed form. A file over 1 MB is kept on disk.

    Raises:
        InvalidRequestError: The body is not a valid form.
        TooLargeError: The body exceeds the limit.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise InvalidRequestError("The body must be multipart/form-data.")
    stream = limited_stream(request, MAX_UPLOAD_BYTES + MAX_FRAME_BYTES)
    try:
        parser = MultiPartParser(request.headers, stream, max_files=1, max_fields=MAX_OTHER_FIELDS)
        return await parser.parse()
    except MultiPartException as error:
        raise InvalidRequestError(error.message) from None
