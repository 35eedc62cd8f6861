"""Each way in which a provider fails before it has shown anything, for tests of retries and of the fallback."""

from __future__ import annotations

import json

from tests.support.provider_server import (
    Answer,
    Cut,
    HttpError,
    NoAnswer,
    RawBody,
    RawStream,
    Reply,
    Reset,
    Stall,
    StreamError,
    Text,
    ToolCall,
)

STATUSES = (
    400,
    401,
    402,
    403,
    404,
    405,
    408,
    409,
    410,
    413,
    415,
    422,
    424,
    429,
    451,
    500,
    501,
    502,
    503,
    504,
    520,
    529,
)
PAGE = "<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
TOO_LONG = "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens."


def _chat(**choice: object) -> RawStream:
    return RawStream(f"data: {json.dumps({'choices': [{'index': 0, 'delta': {}, **choice}]})}\n\ndata: [DONE]\n\n")


# On both APIs.
EVERYWHERE: dict[str, Reply] = {
    **{f"status {status}": HttpError(status) for status in STATUSES},
    "status 429 and a long wait": HttpError(429, headers={"retry-after": "600"}),
    "no budget": HttpError(429, "insufficient_quota"),
    "unknown model": HttpError(400, "model_not_found"),
    "context too long": HttpError(400, "context_length_exceeded"),
    "context too long in words": HttpError(400, message=TOO_LONG),
    "error page": RawBody(PAGE.encode(), "text/html", 502),
    "page in place of a stream": RawBody(PAGE.encode(), "text/html"),
    "garbage in place of a stream": RawBody(b"\x00\xff\xfe garbage", "application/octet-stream"),
    "garbage in a stream": RawBody(b"data: \xff\xfe\x00{\n\n", "text/event-stream"),
    "garbage that claims to be compressed": RawBody(
        b"not gzip", "text/event-stream", headers={"content-encoding": "gzip"}
    ),
    "text that is no JSON": RawStream("data: this is not JSON\n\n"),
    "JSON of great depth": RawStream(f"data: {'[' * 200_000}\n\n"),
    "JSON that is cut": RawBody(b'{"id": "x", "choi', "application/json"),
    "error object with status 200": RawBody(b'{"error": {"message": "overloaded", "code": 529}}', "application/json"),
    "empty body": RawStream(""),
    "only DONE": RawStream("data: [DONE]\n\n"),
    "only heartbeats": RawStream(": ping\n\n: ping\n\n"),
    "empty answer": Answer(Text("")),
    "blank answer": Answer(Text(" \n ")),
    "nothing but the length limit": Answer(finish_reason="length"),
    "reset before the headers": Reset(),
    "reset after the headers": Answer(Cut()),
    "cut in a tool call": Answer(ToolCall("add", raw='{"le'), Cut()),
    "error in the stream": Answer(StreamError("server_error")),
    "quota error in the stream": Answer(StreamError("insufficient_quota")),
    "time-out before the headers": NoAnswer(),
    "time-out before the first token": Answer(Stall()),
}
ON_RESPONSES: dict[str, Reply] = {
    "failed response": Answer(StreamError("server_error", failed=True)),
    "failed response by rate": Answer(StreamError("rate_limit_exceeded", failed=True)),
}
ON_CHAT: dict[str, Reply] = {
    "error in a choice": _chat(error={"code": 502, "message": "upstream"}),
    "finish_reason error": _chat(finish_reason="error"),
    "no choices": RawStream('data: {"choices": [null]}\n\ndata: {"choices": []}\n\ndata: [DONE]\n\n'),
    "error as text": RawStream('data: {"error": "overloaded"}\n\n'),
}
# These last as long as the caller waits.
SILENT = {"time-out before the headers", "time-out before the first token"}
