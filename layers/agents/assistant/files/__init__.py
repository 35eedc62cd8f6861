"""Attachments: rows in the table, bytes in the bucket, two ways to upload, and content for the model.

A stored attachment has no URL that expires. `with_fresh_urls` signs URLs before an attachment is sent to a client.
"""

from assistant.files.binding import bind, refusal
from assistant.files.content import FileRoom, decoded, files_to_content, read_file
from assistant.files.copying import copies_for_thread
from assistant.files.deletion import delete, delete_for_thread, sweep_unsent
from assistant.files.extraction import (
    ReadingLimits,
    SlowDocumentError,
    UnreadableDocumentError,
    document_pages,
    document_text,
)
from assistant.files.images import (
    PICTURE_KIND,
    as_data_url,
    drop_picture,
    is_picture,
    keep_picture,
    keep_picture_bytes,
    put_picture,
    shown_event,
    shown_item,
    sweep_picture,
)
from assistant.files.limits import (
    HEAD_BYTES,
    MAX_ATTACHMENT_BYTES,
    MAX_UPLOAD_BYTES,
    SHARE_URL_SECONDS,
    UPLOAD_URL_SECONDS,
)
from assistant.files.media import ALLOWED_MEDIA, Media, allowed_media, check_head
from assistant.files.moving import copied_files, move_unsent
from assistant.files.names import content_disposition
from assistant.files.records import UNSENT_KIND, attachment_key, load_attachment, member_write, save_attachment
from assistant.files.scan import check_scan
from assistant.files.store import S3AttachmentStore, check_announced
from assistant.files.upload import check_upload, upload
from assistant.files.urls import fresh_item, is_ours, object_key, read_url, signed_url, with_fresh_urls, without_urls
from assistant.files.written import cites_files, keep_file, object_keys, shown_message

__all__ = [
    "ALLOWED_MEDIA",
    "HEAD_BYTES",
    "MAX_ATTACHMENT_BYTES",
    "MAX_UPLOAD_BYTES",
    "PICTURE_KIND",
    "SHARE_URL_SECONDS",
    "UNSENT_KIND",
    "UPLOAD_URL_SECONDS",
    "FileRoom",
    "Media",
    "ReadingLimits",
    "S3AttachmentStore",
    "SlowDocumentError",
    "UnreadableDocumentError",
    "allowed_media",
    "as_data_url",
    "attachment_key",
    "bind",
    "check_announced",
    "check_head",
    "check_scan",
    "check_upload",
    "cites_files",
    "content_disposition",
    "copied_files",
    "copies_for_thread",
    "decoded",
    "delete",
    "delete_for_thread",
    "document_pages",
    "document_text",
    "drop_picture",
    "files_to_content",
    "fresh_item",
    "is_ours",
    "is_picture",
    "keep_file",
    "keep_picture",
    "keep_picture_bytes",
    "load_attachment",
    "member_write",
    "move_unsent",
    "object_key",
    "object_keys",
    "put_picture",
    "read_file",
    "read_url",
    "refusal",
    "save_attachment",
    "shown_event",
    "shown_item",
    "shown_message",
    "signed_url",
    "sweep_picture",
    "sweep_unsent",
    "upload",
    "with_fresh_urls",
    "without_urls",
]
