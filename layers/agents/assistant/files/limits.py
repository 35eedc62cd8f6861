"""How large, how many and how long: every limit on attachments, with its reason."""

from __future__ import annotations

from datetime import timedelta

# A Lambda invocation carries 6 MB, a binary body travels in it as base64 (4/3), and the rest of the event and
# the multipart frame need room.
MAX_UPLOAD_BYTES = 4_500_000
# Straight to the bucket nothing of that holds. Gemini takes 20 MB in one request, base64 included.
MAX_ATTACHMENT_BYTES = 15_000_000
# One message's files go to the model in one request, and so do those of the messages before it that still fit.
MAX_MESSAGE_BYTES = MAX_ATTACHMENT_BYTES
# Each is one write in the transaction that claims the turn, of DynamoDB's 100; a message with more is seldom meant.
MAX_ATTACHMENTS_PER_MESSAGE = 10
# About 25,000 tokens: more would push out the conversation.
MAX_TEXT_CHARACTERS = 100_000
# A file name on the common file systems has at most 255 bytes.
MAX_NAME_BYTES = 255
# What is enough to recognise every type that is allowed.
HEAD_BYTES = 512
# Long enough for a slow line, short enough that a leaked URL is soon worthless.
UPLOAD_URL_SECONDS = 15 * 60
# A page stays open for a while; after that a reload signs the URL again.
READ_URL_SECONDS = 60 * 60
# Who has not sent a file after a day has forgotten it.
UNSENT_LIFETIME = timedelta(days=1)
