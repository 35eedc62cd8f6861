"""The log uses awslambdaric's sink and line format."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from awslambdaric.lambda_runtime_log_utils import JsonFormatter as TheirFormatter

from lambda_stream.context import CURRENT_CONTEXT, LambdaContext
from lambda_stream.logs import JsonFormatter, setup_logging


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    logger.handlers.clear()
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def records() -> list[logging.LogRecord]:
    made = []
    logging.Formatter.converter = __import__("time").gmtime
    for extra, message, args in (
        ({}, "plain %s", ("ä",)),
        ({"basket": {"apples": 3}, "when": object()}, "extra", ()),
        ({}, {"a": "dict"}, ()),
    ):
        record = logging.getLogger("shop").makeRecord(
            "shop", logging.WARNING, "f.py", 3, message, args, None, "f", extra
        )
        made.append(record)
    try:
        raise KeyError("pear")
    except KeyError:
        made.append(
            logging.makeLogRecord({"msg": "failed", "exc_info": sys.exc_info(), "levelname": "ERROR", "levelno": 40})
        )
    return made


@pytest.mark.parametrize("number", range(4))
def test_json_lines_have_the_keys_and_values_of_awslambdaric(number: int) -> None:
    record = records()[number]
    record.aws_request_id = "id-1"
    record.tenant_id = "blue"
    ours = json.loads(JsonFormatter().format(record))
    theirs = json.loads(TheirFormatter().format(record))
    # On Python 3.12 and newer awslambdaric lets logging's own taskName through.
    theirs.pop("taskName", None)
    assert ours == theirs


def test_on_the_managed_runtime_lines_go_to_the_telemetry_descriptor(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    monkeypatch.setenv("_LAMBDA_TELEMETRY_LOG_FD", str(writing))
    sink: Any = setup_logging(json_logs=True, level="INFO")
    token = CURRENT_CONTEXT.set(LambdaContext("id-1", None, None, 0))
    try:
        logging.getLogger("shop").warning("hello")
    finally:
        CURRENT_CONTEXT.reset(token)
        sink.file.close()
    frame = os.read(reading, 10_000)
    os.close(reading)
    # https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html: the type of a JSON frame at WARN, then a length.
    assert frame[:4] == 0xA55A0012.to_bytes(4, "big")
    assert int.from_bytes(frame[4:8], "big") == len(frame) - 16
    line = json.loads(frame[16:])
    assert (line["message"], line["requestId"]) == ("hello", "id-1")


def test_without_awslambdaric_lines_go_to_standard_output(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "awslambdaric", None)
    setup_logging(json_logs=False, level="")
    logging.getLogger("shop").error("hello")
    assert capsys.readouterr().out.endswith("\t\thello\n")


def test_a_stack_trace_in_a_text_line_ends_with_a_line_break(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    setup_logging(json_logs=False, level="")
    try:
        raise KeyError("pear")
    except KeyError:
        logging.getLogger("shop").exception("failed")
    assert capsys.readouterr().out.endswith("KeyError: 'pear'\n")
