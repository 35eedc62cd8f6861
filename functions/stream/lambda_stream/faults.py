"""Errors in the formats of the Runtime API: error documents, trailers and X-Ray causes."""

from __future__ import annotations

import base64
import json
import os
import re
import traceback
from dataclasses import dataclass

MAX_MESSAGE = 2_048
"""The maximum length of a reported message, because trailers must fit into a header limit."""
MAX_TRACE_LINES = 24
"""The maximum number of reported lines of a stack trace. The innermost lines are kept."""
MAX_TRACE_LINE = 200

_NOT_IN_A_TYPE = re.compile(r"[^A-Za-z0-9_.]")


@dataclass(frozen=True, slots=True)
class Fault:
    """A failure to report.

    Attributes:
        kind: the error's type: `Function.X` for errors of the app, `Runtime.X` for errors of the runtime.
        message: a description in one sentence.
        trace: lines of the stack, outermost first; may be empty.
    """

    kind: str
    message: str
    trace: tuple[str, ...] = ()

    @classmethod
    def of(cls, error: BaseException, kind: str = "") -> Fault:
        """Return the fault of an exception. The default type is `Function.<its class>`."""
        lines = [
            line[:MAX_TRACE_LINE]
            for entry in traceback.format_exception(error)
            for line in entry.rstrip("\n").split("\n")
        ]
        if len(lines) > MAX_TRACE_LINES:
            lines = [*lines[:2], "...", *lines[3 - MAX_TRACE_LINES :]]
        name = kind or f"Function.{_NOT_IN_A_TYPE.sub('_', type(error).__name__)}"
        return cls(name, message_of(error)[:MAX_MESSAGE], tuple(lines))

    def document(self, request_id: str = "") -> bytes:
        """Return the JSON for `/error` and `/init/error`, with awslambdaric's keys."""
        return json.dumps(
            {
                "errorMessage": self.message,
                "errorType": self.kind,
                "requestId": request_id,
                "stackTrace": list(self.trace),
            }
        ).encode()

    def trailer_body(self) -> bytes:
        """Return the trailer with the error's body: JSON in base64, with the keys of AWS's Node client."""
        document = {"errorType": self.kind, "errorMessage": self.message, "trace": list(self.trace)}
        return base64.b64encode(json.dumps(document).encode())

    def xray_cause(self) -> bytes:
        """Return the X-Ray cause as a header value: JSON in ASCII without line breaks."""
        cause = {
            "working_directory": os.getcwd(),
            "exceptions": [{"type": self.kind, "message": self.message, "stack": []}],
            "paths": [],
        }
        return json.dumps(cause).encode("ascii")


def message_of(error: BaseException) -> str:
    """Return an exception's text, even if its `__str__` fails."""
    try:
        return str(error)
    except Exception:
        return f"a {type(error).__name__} that cannot be put into words"
