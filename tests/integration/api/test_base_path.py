"""The functions answer behind a stage of the HTTP API, and behind a path of a proxy."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from local.settings import ROOT
from tests.integration.api.test_functions import event, running
from tests.support.aws import Aws
from tests.support.files import PNG
from tests.support.lambda_events import function_url_event
from tests.support.stream_process import StreamProcess

MESSAGE = json.dumps({"message": {"content": "hello"}}).encode()
# The stage, the base path of a proxy, and the part of the path that leads to one function.
BASE_PATH = "/prod,/assistant,/stream"


def staged(method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> dict[str, Any]:
    """Return an event of an HTTP API's stage `prod`: both paths contain the stage."""
    made = event(method, f"/prod{path}", body, content_type)
    made["requestContext"]["stage"] = "prod"
    return made


def test_chat_answers_behind_a_stage_and_without_it(table_and_bucket: Aws) -> None:
    with running("chat", table_and_bucket, BASE_PATH=BASE_PATH) as function:
        for path in ("/chatkit/api", "/assistant/chatkit/api"):
            answer = function.invoke(staged("POST", path, MESSAGE))
            assert answer["statusCode"] == HTTPStatus.OK, answer
            assert json.loads(answer["body"])["done"]
            # A page's preflight request goes the same way.
            preflight = staged("OPTIONS", path)
            preflight["headers"] |= {"access-control-request-method": "POST"}
            assert function.invoke(preflight)["statusCode"] == HTTPStatus.OK
        assert function.invoke(event("POST", "/chatkit/api", MESSAGE))["statusCode"] == HTTPStatus.OK
        assert function.invoke(staged("GET", "/health"))["statusCode"] == HTTPStatus.OK


def test_a_path_that_is_no_base_path_is_not_found(table_and_bucket: Aws) -> None:
    with running("chat", table_and_bucket, BASE_PATH=BASE_PATH) as function:
        for path in ("/production/chatkit/api", "/prod", "/prod/", "/stream/prod/health", "/prod/prod/health"):
            answer = function.invoke(event("POST", path, MESSAGE))
            assert answer["statusCode"] == HTTPStatus.NOT_FOUND, path
            assert json.loads(answer["body"])["error"]["code"] == "not_found"


def test_upload_answers_behind_a_stage(table_and_bucket: Aws) -> None:
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n'
        + PNG
        + b"\r\n--x--\r\n"
    )
    with running("upload", table_and_bucket, BASE_PATH=BASE_PATH) as function:
        answer = function.invoke(staged("POST", "/chatkit/api/upload", form, "multipart/form-data; boundary=x"))
    assert answer["statusCode"] == HTTPStatus.OK, answer["body"]


def test_stream_answers_event_by_event_behind_a_path_of_cloudfront(table_and_bucket: Aws) -> None:
    environment: dict[str, Any] = table_and_bucket.environment(
        LLM_PROVIDER="demo", ALLOW_DEMO="true", BASE_PATH=BASE_PATH, PYTHONPATH=f"{ROOT / 'layers' / 'agents'}:{ROOT}"
    )
    headers = {"content-type": "application/json"}
    with StreamProcess("app:app", **environment) as process:
        for path in ("/assistant/stream", "/stream", "/assistant", ""):
            sent = function_url_event(f"{path}/chatkit/api", method="POST", body=MESSAGE.decode(), headers=headers)
            answer = process.submit(sent).response(120)
            assert answer.status == HTTPStatus.OK, path
            assert json.loads(answer.payload.decode().rstrip().rpartition("data: ")[2])["done"]
