"""The HTTP API as ASGI apps: `create_app` serves everything except the upload, which `create_upload_app` serves.

The agents SDK is imported when a turn needs it. Health checks, reads and uploads start without it.
"""

from assistant.api.app import create_app, create_upload_app, make_handler
from assistant.api.services import CurrentAdmin, CurrentContext, lambda_deadline

__all__ = ["CurrentAdmin", "CurrentContext", "create_app", "create_upload_app", "lambda_deadline", "make_handler"]
