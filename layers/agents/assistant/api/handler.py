"""Run an app on Lambda's events, without streaming."""

from __future__ import annotations

import json
import logging
from typing import Any

from mangum import Mangum
from mangum.types import LambdaContext

from assistant.api.errors import JSON_HEADERS
from assistant.errors import InvalidRequestError

logger = logging.getLogger(__name__)


class Handler(Mangum):
    """A Lambda handler that answers 400 to a request that cannot be read. Lambda would answer 502."""

    def __call__(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Return the answer to an event of a function URL or of API Gateway."""
        try:
            return super().__call__(event, context)
        except ValueError as error:
            # Mangum catches the app's errors, so this one is about a port, a header or the body's base64.
            logger.warning("An event cannot be read: %s", type(error).__name__)
            refusal = InvalidRequestError()
            body = json.dumps({"error": {"code": refusal.code, "message": refusal.message}})
            headers = {**JSON_HEADERS, "content-type": "application/json"}
            return {"statusCode": refusal.status, "headers": headers, "body": body, "isBase64Encoded": False}
