"""The HTTP contract as ASGI apps: `create_app` for everything but the upload, `create_upload_app` for that.

Nothing heavy is imported until a request needs it: health, reads and the upload load no agents SDK.
"""

from assistant.api.app import create_app, create_upload_app
from assistant.api.deadline import lambda_deadline

__all__ = ["create_app", "create_upload_app", "lambda_deadline"]
