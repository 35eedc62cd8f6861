"""The function `upload`: store an uploaded file in the bucket."""

from __future__ import annotations

from mangum import Mangum

from assistant.api import create_upload_app

app = create_upload_app()

lambda_handler = Mangum(app, lifespan="off")
