"""ChatKit's `AttachmentStore` on S3. In its two-phase upload the browser sends the bytes straight to the bucket."""

from __future__ import annotations

from chatkit.store import AttachmentStore
from chatkit.types import Attachment, AttachmentCreateParams, AttachmentUploadDescriptor
from pydantic import AnyUrl

from assistant.context import RequestContext
from assistant.errors import InvalidRequestError, TooLargeError
from assistant.files import deletion, records
from assistant.files.limits import MAX_ATTACHMENT_BYTES, UPLOAD_URL_SECONDS
from assistant.files.media import Media, allowed_media
from assistant.files.names import safe_name
from assistant.files.upload import new_attachment
from assistant.files.urls import object_key, with_fresh_urls
from assistant.ids import new_id


def check_announced(announced: AttachmentCreateParams) -> tuple[Media, str]:
    """Return the type of a file that a client wants to upload, and a harmless name for it.

    Raises:
        InvalidRequestError: the size is not positive.
        TooLargeError: the file is larger than `MAX_ATTACHMENT_BYTES`.
        UnsupportedTypeError: the type is not allowed.
    """
    if announced.size <= 0:
        raise InvalidRequestError("An empty file cannot be attached.")
    if announced.size > MAX_ATTACHMENT_BYTES:
        raise TooLargeError(f"A file may have at most {MAX_ATTACHMENT_BYTES // 1_000_000} MB.")
    media = allowed_media(announced.mime_type, safe_name(announced.name))
    return media, safe_name(announced.name, media)


class S3AttachmentStore(AttachmentStore[RequestContext]):
    """Stores the attachments of the context's caller in the process's bucket and table."""

    def generate_attachment_id(self, mime_type: str, context: RequestContext) -> str:
        """Return a new unique id."""
        return new_id("atc")

    async def create_attachment(self, input: AttachmentCreateParams, context: RequestContext) -> Attachment:  # noqa: A002 - the SDK's name
        """Register a file and return the URL for its upload.

        The signature covers type, length and `If-None-Match: *`. So the URL accepts only the announced file, and only
        once. S3's POST policies need form fields, which ChatKit does not send.

        Raises:
            InvalidRequestError: the size is not positive.
            TooLargeError: the file is larger than `MAX_ATTACHMENT_BYTES`.
            UnsupportedTypeError: the type is not allowed.
        """
        media, name = check_announced(input)
        caller, resources = context.caller, context.resources
        attachment = new_attachment(self.generate_attachment_id(media.name, context), media, name)
        url = await resources.objects.presign(
            "put_object",
            object_key(caller, attachment.id),
            UPLOAD_URL_SECONDS,
            ContentType=media.name,
            ContentLength=input.size,
            IfNoneMatch="*",
        )
        await records.create(resources.table, caller, attachment, input.size)
        answer = await with_fresh_urls(resources, caller, attachment)
        # Do not add Content-Length: the browser sets it, and forbids scripts to set it.
        headers = {"Content-Type": media.name, "If-None-Match": "*"}
        descriptor = AttachmentUploadDescriptor(url=AnyUrl(url), method="PUT", headers=headers)
        return answer.model_copy(update={"upload_descriptor": descriptor})

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        """Delete an attachment of the caller: its bytes and its row.

        Raises:
            NotFoundError: the attachment does not exist, or belongs to another user.
        """
        await deletion.delete(context.resources, context.caller, attachment_id)
