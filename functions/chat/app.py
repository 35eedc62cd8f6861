"""The function `chat`: everything but the upload, each answer in one piece."""

from __future__ import annotations

from mangum import Mangum

from assistant.api import create_app, lambda_deadline

app = create_app(streaming=False, deadline=lambda_deadline)

# Mangum runs every invocation on the main thread's one event loop, which the model's and the table's clients need.
lambda_handler = Mangum(app, lifespan="off")
