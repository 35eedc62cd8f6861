"""The function `upload`: store an uploaded file in the bucket."""

from __future__ import annotations

from assistant.collection import without_collection

with without_collection():
    from assistant.api import create_upload_app, make_handler

    app = create_upload_app()

    lambda_handler = make_handler(app)
