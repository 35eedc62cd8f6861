"""The function `chat`: all operations except the upload, without streaming."""

from __future__ import annotations

from mangum import Mangum

from assistant.api import create_app, lambda_deadline

app = create_app(streaming=False, deadline=lambda_deadline)

# Mangum runs all invocations on one event loop. The clients of the model and the table need that.
lambda_handler = Mangum(app, lifespan="off")
