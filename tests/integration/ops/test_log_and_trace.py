"""Log lines, metrics and traces of `stream` as Lambda runs it contain no text of users."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from local.settings import ROOT
from tests.support.aws import Aws
from tests.support.lambda_events import function_url_event
from tests.support.provider_server import Answer, HttpError, ProviderServer, Text, ToolCall
from tests.support.runtime_api import Recorded
from tests.support.stream_process import StreamProcess

# Each stands for something that must never be in a log.
KEY = "sk-canary-0123456789"
QUESTION = "canary question about a heron"
ANSWER = "canary answer about a heron"
ARGUMENT = "canary task title"
MALFORMED = "canary malformed"
TOKEN = "canary.token.value"
PROVIDERS_WORDS = f"Incorrect API key provided: {KEY}. You said: {QUESTION}"
SECRETS = (KEY, "canary", "heron", TOKEN)


@pytest.fixture(scope="module", params=["INFO", "DEBUG"])
def run(request: pytest.FixtureRequest, table_and_bucket: Aws) -> Iterator[Run]:
    """A process in which turns have succeeded and failed in every way that carries texts."""
    with ProviderServer() as provider, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.settimeout(1)
        environment: dict[str, Any] = table_and_bucket.environment(
            LLM_PROVIDER="openai",
            OPENAI_API_KEY=KEY,
            OPENAI_BASE_URL=provider.base_url,
            LOG_CONTENT="false",
            AWS_LAMBDA_LOG_FORMAT="JSON",
            AWS_LAMBDA_LOG_LEVEL=request.param,
            POWERTOOLS_SERVICE_NAME="chatkit-prod",
            AWS_XRAY_DAEMON_ADDRESS=f"127.0.0.1:{daemon.getsockname()[1]}",
            PYTHONPATH=f"{ROOT / 'layers' / 'agents'}:{ROOT}",
        )
        with StreamProcess("app:app", **environment) as process:
            yield Run(process, provider, daemon)


class Run:
    """The turns, their output, and the documents that the X-Ray daemon received."""

    def __init__(self, process: StreamProcess, provider: ProviderServer, daemon: socket.socket) -> None:
        self.process = process
        provider.script(*[Answer(Text(ANSWER))] * 2)
        self.good = self._say(QUESTION)
        thread = json.loads(self.good.payload.partition(b"\n")[0].removeprefix(b"data: "))["thread"]["id"]
        [answer] = [
            json.loads(line)["item"]["id"]
            for line in self.good.payload.decode().replace("data: ", "").splitlines()
            if '"thread.item.done"' in line and '"assistant_message"' in line
        ]
        self._operate("items.feedback", thread_id=thread, item_ids=[answer], kind="positive")
        provider.reset()
        provider.script(Answer(ToolCall("no_such_tool", {"title": ARGUMENT})), Answer(Text(ANSWER)))
        self._say(QUESTION, thread)
        provider.reset()
        provider.script(*[HttpError(401, "invalid_api_key", PROVIDERS_WORDS)] * 3)
        self.refused = self._say(QUESTION, thread)
        provider.reset()
        provider.script(*[HttpError(400, "invalid_request", PROVIDERS_WORDS)] * 3)
        self._say(QUESTION, thread)
        self._post('{"type": "threads.create", "params": {"input": {"content": "' + MALFORMED + '"}}}')
        self._post(MALFORMED)
        self._post('{"message": {"content": "' + QUESTION + '"}}', authorization=f"Bearer {TOKEN}")
        self.log = process.wait_for_log(
            lambda log: log.count('"outcome": "failed"') + log.count('"outcome":"failed"') >= 2
        )
        self.documents: list[dict[str, Any]] = []
        while True:
            try:
                self.documents.append(json.loads(daemon.recv(65_536).partition(b"\n")[2]))
            except TimeoutError:
                break
        self.lines = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]

    def _post(self, body: str, **headers: str) -> Recorded:
        event = function_url_event(
            "/chatkit/api", method="POST", body=body, headers={"content-type": "application/json", **headers}
        )
        return self.process.submit(event).response(120)

    def _operate(self, kind: str, /, **params: Any) -> None:
        assert self._post(json.dumps({"type": kind, "params": params})).status == 200

    def _say(self, text: str, thread: str | None = None) -> Recorded:
        message = {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}
        where = {} if thread is None else {"thread_id": thread}
        kind = "threads.create" if thread is None else "threads.add_user_message"
        return self._post(json.dumps({"type": kind, "params": {"input": message, **where}}))


def _metrics(run: Run, name: str) -> list[dict[str, Any]]:
    return [line for line in run.lines if "_aws" in line and name in line]


def test_no_line_and_no_trace_carries_a_word_a_key_or_a_token(run: Run) -> None:
    assert ANSWER.encode() in run.good.payload
    assert b'"error"' in run.refused.payload
    assert len(run.lines) > 10, "there is a log to look at"
    for secret in SECRETS:
        found = [line for line in run.log.splitlines() if secret in line]
        assert not found, found[:3]
        assert secret not in json.dumps(run.documents)


def test_a_turn_is_one_line_that_says_who_where_and_how_it_ended(run: Run) -> None:
    turns = [line for line in run.lines if line.get("message") == "turn"]
    assert [line["outcome"] for line in turns] == ["done", *[line["outcome"] for line in turns[1:]]]
    assert sum(line["outcome"] == "failed" for line in turns) >= 2
    first = turns[0]
    assert first["turn_id"] == dict(run.good.prelude["headers"])["x-turn-id"]
    assert first["service"] == "chatkit-prod"
    assert (first["tenant_id"], first["provider"]) == ("local", "openai")
    assert first["user_hash"] != "guest"
    assert first["first_delta_seconds"] <= first["seconds"]
    assert first["input_tokens"] + first["output_tokens"] > 0
    assert "model_credentials" in [line["error"] for line in turns if line["outcome"] == "failed"]


def test_the_operations_page_explains_each_field_of_the_line(run: Run) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()
    # Fields that Lambda and Powertools add.
    others = {"level", "location", "message", "timestamp", "name", "xray_trace_id", "taskName", "requestId", "logger"}
    fields = {field for line in run.lines if line.get("message") == "turn" for field in line}
    assert fields > {"operation", "error", "tools"}
    missing = [field for field in fields - others if f"`{field}`" not in page]
    assert not missing


def test_metrics_count_for_the_alarms_and_by_outcome_and_provider(run: Run) -> None:
    turns = _metrics(run, "Turns")
    whole = [line for line in turns if line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]]
    assert {line["service"] for line in turns} == {"chatkit-prod"}
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in turns} == {"ChatKit"}
    assert len(whole) * 2 == len(turns) >= 8
    split = [line for line in turns if line not in whole]
    assert {(line["outcome"], line["provider"]) for line in split} >= {("done", "openai")}
    for line in turns:
        assert line["Tokens"] == [line["InputTokens"][0] + line["OutputTokens"][0]]
    assert whole[0]["Tokens"][0] > 0
    assert whole[0]["FirstDeltaSeconds"][0] > 0
    [feedback] = _metrics(run, "Feedback")
    assert (feedback["kind"], feedback["Feedback"]) == ("positive", [1.0])


def test_calls_of_table_and_model_are_children_of_the_functions_segment(run: Run) -> None:
    assert {document["trace_id"] for document in run.documents} == {"1-5bef4de7-ad49b0e87f6ef6c87fc2e700"}
    assert {document["parent_id"] for document in run.documents} == {"9a9197af755a6419"}
    assert len({document["id"] for document in run.documents}) == len(run.documents)
    table = [document for document in run.documents if document["name"] == "DynamoDB"]
    assert {"Query", "TransactWriteItems"} <= {document["aws"]["operation"] for document in table}
    model = [document for document in run.documents if document["name"] == "openai"]
    assert all(document["namespace"] == "remote" for document in model)
    assert sum(document.get("fault", False) for document in model) >= 2
    assert not model[0].get("fault")
    for document in run.documents:
        assert document["start_time"] <= document["end_time"]
