"""The managed runtime's bootstrap in small, for the functions that do not stream: `app.lambda_handler` of the path.

AWS's own has a compiled part, which is not there for every Python that the artifact is built for.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
import time


class Context:
    """Lambda's context object."""

    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function_name = "bench"
    memory_limit_in_mb = "1024"

    def __init__(self, deadline_ms: int) -> None:
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining time of the invocation."""
        return self._deadline_ms - int(time.time() * 1000)


def main() -> None:
    """Run invocations for ever."""
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    handler = importlib.import_module(sys.argv[1]).lambda_handler
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        taken = api.getresponse()
        event = json.loads(taken.read())
        result = handler(event, Context(int(taken.headers["Lambda-Runtime-Deadline-Ms"])))
        api.request("POST", f"/2018-06-01/runtime/invocation/{Context.aws_request_id}/response", json.dumps(result))
        api.getresponse().read()


if __name__ == "__main__":
    main()
