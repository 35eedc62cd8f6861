"""The function `stream`: the same as `chat`, event by event. The streaming runtime serves `app`."""

from __future__ import annotations

from mangum import Mangum

from assistant.api import create_app, lambda_deadline

app = create_app(streaming=True, deadline=lambda_deadline)

# For places where no wrapper runs: the same stream in one piece.
lambda_handler = Mangum(app, lifespan="off")
