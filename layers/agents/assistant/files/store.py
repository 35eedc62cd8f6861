"""ChatKit's `AttachmentStore` on S3: two phases, the bytes go from the browser straight to the bucket."""

from __future__ import annotations

from chatkit.store import AttachmentStore
from chatkit.types import Attachment, AttachmentCreateParams, AttachmentUploadDescriptor
from pydantic import AnyUrl

from assistant.context import RequestContext
from assistant.errors import InvalidRequestError, TooLargeError
from assistant.files import deletion, records
from assistant.files.limits import MAX_ATTACHMENT_BYTES, UPLOAD_URL_SECONDS
from assistant.files.media import allowed_media, safe_name
from assistant.files.upload import new_attachment
from assistant.files.urls import object_key, with_fresh_urls
from assistant.ids import new_id


class S3AttachmentStore(AttachmentStore[RequestContext]):
    """Attachments of the caller in the context, in the process's bucket and table."""

    def generate_attachment_id(self, mime_type: str, context: RequestContext) -> str:
        """Return a new id that never clashes."""
        return new_id("atc")

    async def create_attachment(self, input: AttachmentCreateParams, context: RequestContext) -> Attachment:  # noqa: A002 - the SDK's name
        """Register a file and return where the browser puts its bytes.

        The signature covers type, length and `If-None-Match: *`, so that the URL takes exactly the announced
        file and takes it once. ChatKit knows no form fields, which rules S3's POST policies out.

        Raises:
            InvalidRequestError: the size is not positive.
            TooLargeError: the file is over `MAX_ATTACHMENT_BYTES`.
            UnsupportedTypeError: the type is not allowed.
        """
        if input.size <= 0:
            raise InvalidRequestError("An empty file cannot be attached.")
        if input.size > MAX_ATTACHMENT_BYTES:
            raise TooLargeError(f"A file may have at most {MAX_ATTACHMENT_BYTES // 1_000_000} MB.")
        name = safe_name(input.name)
        media = allowed_media(input.mime_type, name)
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
        # The browser sets the length itself, and no script may.
        headers = {"Content-Type": media.name, "If-None-Match": "*"}
        descriptor = AttachmentUploadDescriptor(url=AnyUrl(url), method="PUT", headers=headers)
        return answer.model_copy(update={"upload_descriptor": descriptor})

    async def delete_attachment(self, attachment_id: str, context: RequestContext) -> None:
        """Remove an attachment of the caller's: its bytes and its row.

        Raises:
            NotFoundError: there is none of that id, or it is someone else's.
        """
        await deletion.delete(context.resources, context.caller, attachment_id)
