"""The floor of the cold benchmark: the same calls with the standard library alone, and nothing that makes them safe.

A message: two writes to the table, the model's stream, each delta as an event, one more write. A list: one Query. An
upload: one object.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

REGION = os.environ["AWS_REGION"]
TABLE, BUCKET = os.environ["TABLE_NAME"], os.environ["BUCKET_NAME"]
AWS = http.client.HTTPConnection(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc)


def call(service: str, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """Make a call that is signed with AWS's version 4."""
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    digest = hashlib.sha256(body).hexdigest()
    signed = {"host": AWS.host, "x-amz-content-sha256": digest, "x-amz-date": moment, **headers}
    names = ";".join(sorted(signed))
    lines = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    scope = f"{moment[:8]}/{REGION}/{service}/aws4_request"
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{digest}"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = b"AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"].encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    AWS.request(method, path, body, {**signed, "authorization": authorization})
    answer = AWS.getresponse()
    read = answer.read()
    if answer.status != 200:
        raise RuntimeError(read)
    return read


def table(operation: str, **request: Any) -> Any:
    """Call DynamoDB."""
    headers = {"content-type": "application/x-amz-json-1.0", "x-amz-target": f"DynamoDB_20120810.{operation}"}
    return json.loads(call("dynamodb", "POST", "/", json.dumps({"TableName": TABLE, **request}).encode(), headers))


def put(pk: str, sk: str, body: Any) -> None:
    """Write a row."""
    table("PutItem", Item={"pk": {"S": pk}, "sk": {"S": sk}, "body": {"S": json.dumps(body)}})


def turn(request: Any) -> Iterator[bytes]:
    """Answer a message."""
    thread, words = f"floor#{uuid.uuid4().hex}", []
    put("floor", thread, {"id": thread})
    put(thread, "item#1", request)
    yield _frame({"type": "thread.created", "thread": {"id": thread}})
    url = urlsplit(os.environ["OPENAI_BASE_URL"])
    model = http.client.HTTPConnection(url.netloc)
    body = {"model": "bench", "stream": True, "input": request["params"]["input"]["content"]}
    model.request("POST", f"{url.path}/responses", json.dumps(body), {"content-type": "application/json"})
    answer = model.getresponse()
    while line := answer.readline():
        if line.startswith(b"data: "):
            event = json.loads(line[6:])
            if event["type"] == "response.output_text.delta":
                words.append(event["delta"])
                update = {"type": "assistant_message.content_part.text_delta", "delta": event["delta"]}
                yield _frame({"type": "thread.item.updated", "item_id": "2", "update": update})
    model.close()
    put(thread, "item#2", {"text": "".join(words)})


def _frame(event: Any) -> bytes:
    return f"data: {json.dumps(event)}\n\n".encode()


def listed() -> bytes:
    """Answer `threads.list`."""
    values = {":pk": {"S": "floor"}}
    found = table("Query", KeyConditionExpression="pk = :pk", ExpressionAttributeValues=values, Limit=20)
    return json.dumps({"data": [json.loads(row["body"]["S"]) for row in found["Items"]]}).encode()


def main() -> None:
    """Run invocations for ever."""
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        api.request("GET", "/2018-06-01/runtime/invocation/next")
        event = json.loads(api.getresponse().read())
        body: bytes | Iterator[bytes]
        if event["rawPath"].endswith("/upload"):
            path = f"/{BUCKET}/{uuid.uuid4().hex}"
            call("s3", "PUT", path, event["body"].encode(), {})
            body = json.dumps({"url": path}).encode()
        elif json.loads(event["body"])["type"] == "threads.list":
            body = listed()
        else:
            body = turn(json.loads(event["body"]))
        api.request("POST", "/2018-06-01/runtime/invocation/bench/response", body, encode_chunked=True)
        api.getresponse().read()


if __name__ == "__main__":
    main()
