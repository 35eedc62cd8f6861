"""Every limit on attachments, with its reason."""

from __future__ import annotations

from datetime import timedelta

# A Lambda event has at most 6 MB. It carries a binary body as base64 (4/3), and other fields need space too.
MAX_UPLOAD_BYTES = 4_500_000
# An upload straight to the bucket has no such limit. Gemini accepts 20 MB per request, base64 included.
MAX_ATTACHMENT_BYTES = 15_000_000
# The files of a message go to the model in one request, with earlier files that still fit.
MAX_MESSAGE_BYTES = MAX_ATTACHMENT_BYTES
# Each attachment is one write of the transaction that claims the turn. DynamoDB allows 100 writes.
MAX_ATTACHMENTS_PER_MESSAGE = 10
# About 25,000 tokens: more would push out the conversation.
MAX_TEXT_CHARACTERS = 100_000
# A file name on the common file systems has at most 255 bytes.
MAX_NAME_BYTES = 255
# Enough to recognise every allowed type.
HEAD_BYTES = 512
# Long enough for a slow connection, short enough to limit the use of a leaked URL.
UPLOAD_URL_SECONDS = 15 * 60
# A page can stay open this long. A reload signs the URL again.
READ_URL_SECONDS = 60 * 60
# A reader of a share, or a person of the staff, opens a file at once. A reload signs the URL again.
SHARE_URL_SECONDS = 10 * 60
# A file that was not sent within a day is forgotten.
UNSENT_LIFETIME = timedelta(days=1)
# A PDF of 200 pages takes about half a second. Most of a turn's time must remain for the model.
EXTRACTION_SECONDS = 8.0
