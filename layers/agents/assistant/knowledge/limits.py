"""Every limit of knowledge, with its reason."""

from __future__ import annotations

from datetime import timedelta

# A manual. The text of more pages is too much to check by its citations, and a split document has better titles.
MAX_PAGES = 500
# About 300,000 words: 500 full pages.
MAX_CHARACTERS = 2_000_000
# Reading 200 pages takes half a second. More time is for documents that are slow to read. A document that never ends
# stops here.
READING_SECONDS = 60.0
# A passage is long enough to answer a question by itself, and eight of them fit beside a conversation.
PASSAGE_CHARACTERS = 1_200
# A sentence or two, so that an answer across a border is in one of the passages.
OVERLAP_CHARACTERS = 150
# One batch of DynamoDB. More at once would not be stored within a call's time on a slow table.
PASSAGES_AT_ONCE = 25
# A batch that a busy table does not take is tried again in halves, after a pause that doubles. Six pauses are a minute.
MAX_PAUSES = 6
FIRST_PAUSE_SECONDS = 1.0
# A process is killed now and then. A document that kills five of them is the cause.
MAX_ATTEMPTS = 5
# The longest step between two renewals: reading, or one batch with its embeddings and its pauses.
LEASE = timedelta(seconds=180)
# The function starts at once. If it has not, the sweep starts it again after this time.
START_AGAIN = timedelta(minutes=2)
# The longest time that a Lambda function runs, and some more: after it, no process still writes passages.
LAST_WRITE = timedelta(minutes=20)
# A page of the list of documents.
PAGE_DOCUMENTS = 100
# A document's row in the answer of a search costs one read, so one BatchGetItem has all of them.
CANDIDATES = 20
# Passages that the model gets of a search: about 2,400 tokens.
MAX_PASSAGES = 8
# Longer than a question. The embedding of more is an average of everything.
MAX_QUESTION_CHARACTERS = 2_000
# Opening a document from an answer takes a click. The link is made at that moment.
LINK_SECONDS = 5 * 60
# Ten years. More is a typing error.
MAX_DAYS = 3_650
MAX_GROUP_CHARACTERS = 64
