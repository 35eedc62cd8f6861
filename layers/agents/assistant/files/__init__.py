"""Files that users send: rows in the table, bytes in the bucket, two ways to upload, and content for the model.

Stored attachments hold no URL that expires: `with_fresh_urls` signs them on the way out.
"""

from assistant.files.binding import (
    bind,
    refusal,
)
from assistant.files.content import (
    FileRoom,
    files_to_content,
)
from assistant.files.deletion import (
    delete,
    delete_for_thread,
    sweep_unsent,
)
from assistant.files.records import (
    load,
    save,
)
from assistant.files.store import S3AttachmentStore
from assistant.files.upload import upload
from assistant.files.urls import (
    fresh_item,
    read_url,
    with_fresh_urls,
    without_urls,
)

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
