"""Files that users send: rows in the table, bytes in the bucket, two ways to upload, and content for the model.

Stored attachments hold no URL that expires: `with_fresh_urls` signs them on the way out.
"""

from assistant.attachments.binding import bind, refusal
from assistant.attachments.content import FileRoom, files_to_content
from assistant.attachments.deletion import delete, delete_for_thread, sweep_unsent
from assistant.attachments.records import load, save
from assistant.attachments.store import S3AttachmentStore
from assistant.attachments.upload import upload
from assistant.attachments.urls import fresh_item, read_url, with_fresh_urls, without_urls

__all__ = [
    "FileRoom",
    "S3AttachmentStore",
    "bind",
    "delete",
    "delete_for_thread",
    "files_to_content",
    "fresh_item",
    "load",
    "read_url",
    "refusal",
    "save",
    "sweep_unsent",
    "upload",
    "with_fresh_urls",
    "without_urls",
]
