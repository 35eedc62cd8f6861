"""The function `chat`: all operations except the upload, without streaming."""

from __future__ import annotations

from assistant.collection import without_collection

with without_collection():
    from assistant.api import create_app, lambda_deadline, make_handler

    app = create_app(streaming=False, deadline=lambda_deadline)

    # It runs all invocations on one event loop. The clients of the model and the table need that.
    lambda_handler = make_handler(app)
