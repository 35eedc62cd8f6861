"""The function's log, with the format and the request ids of awslambdaric.

On the managed runtime, records go through awslambdaric's sink, which frames them for Lambda's
telemetry. Elsewhere they go to standard output.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
from types import ModuleType
from typing import Any, Protocol

from lambda_stream.context import CURRENT_CONTEXT
from lambda_stream.faults import message_of

TEXT_FORMAT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
TEXT_TIME = "%Y-%m-%dT%H:%M:%S"
JSON_TIME = "%Y-%m-%dT%H:%M:%SZ"

# The attributes that every record has. All others came through `extra` and become keys of the JSON line.
_OWN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {
    "aws_request_id",
    "tenant_id",
    "message",
    "asctime",
    "taskName",
    "_frame_type",
}


class LogSink(Protocol):
    """The destination of formatted records."""

    def log(self, msg: str, frame_type: bytes | None = None) -> None:
        """Write one record, which ends with a line break."""


class StandardSink:
    """Writes to standard output."""

    def log(self, msg: str, frame_type: bytes | None = None) -> None:
        sys.stdout.write(msg)


class JsonFormatter(logging.Formatter):
    """Formats a record as a line of JSON with awslambdaric's keys."""

    def __init__(self) -> None:
        super().__init__(datefmt=JSON_TIME)
        self.converter = time.gmtime
        self._encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, trace = record.exc_info
            line["stackTrace"] = traceback.format_tb(trace)
            line["errorType"] = kind.__name__
            line["errorMessage"] = "" if error is None else message_of(error)
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        line["requestId"] = getattr(record, "aws_request_id", "")
        tenant = getattr(record, "tenant_id", None)
        if tenant is not None:
            line["tenantId"] = tenant
        line.update((k, v) for k, v in vars(record).items() if k not in _OWN_ATTRIBUTES and k not in line)
        return self._encode({key: value for key, value in line.items() if value is not None}) + "\n"


class TextFormatter(logging.Formatter):
    """Formats a record as Lambda's tab-separated line."""

    def __init__(self) -> None:
        super().__init__(TEXT_FORMAT, TEXT_TIME)
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        # A stack trace comes after the format's line break and needs its own.
        text = super().format(record)
        return text if text.endswith("\n") else text + "\n"


class SinkHandler(logging.Handler):
    """Passes formatted records to a sink, with the frame type of their level."""

    def __init__(self, log_sink: LogSink, frame_types: dict[int, bytes]) -> None:
        super().__init__()
        self.log_sink = log_sink
        self._frame_types = frame_types

    def filter(self, record: logging.LogRecord) -> Any:
        context = CURRENT_CONTEXT.get()
        record.aws_request_id = "" if context is None else context.aws_request_id
        record.tenant_id = None if context is None else context.tenant_id
        return super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        level = min(50, max(0, record.levelno)) // 10 * 10
        try:
            # A text may contain half a surrogate pair, which UTF-8 cannot encode.
            line = self.format(record).encode("utf-8", "backslashreplace").decode()
            self.log_sink.log(line, frame_type=self._frame_types.get(level))
        except Exception:  # logging's own contract: a log line never raises
            self.handleError(record)


def setup_logging(*, json_logs: bool, level: str) -> LogSink:
    """Install the root logger's handler and return the sink that it writes to."""
    if hasattr(sys.stdout, "reconfigure"):
        # Otherwise printed lines would wait in the buffer of a frozen process.
        sys.stdout.reconfigure(line_buffering=True)
    sink, frame_types = _managed_sink(json_logs, bool(level)) or (StandardSink(), {})
    handler = SinkHandler(sink, frame_types)
    handler.setFormatter(JsonFormatter() if json_logs else TextFormatter())
    root = logging.getLogger()
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)
    root.addHandler(handler)
    return sink


def _managed_sink(json_logs: bool, has_level: bool) -> tuple[LogSink, dict[int, bytes]] | None:
    """Return awslambdaric's sink and frame types, or None if awslambdaric 4 is not available."""
    try:
        from awslambdaric import bootstrap, lambda_runtime_log_utils
    except ImportError:
        return None
    try:
        sink = bootstrap.create_log_sink()
        sink.__enter__()
        return sink, _frame_types(lambda_runtime_log_utils, json_logs, has_level)
    except AttributeError:
        return None


def _frame_types(log_utils: ModuleType, json_logs: bool, has_level: bool) -> dict[int, bytes]:
    if json_logs:
        return dict(log_utils._JSON_FRAME_TYPES)
    # Without a configured level, awslambdaric's text frames have no level.
    return dict(log_utils._TEXT_FRAME_TYPES) if has_level else {}
