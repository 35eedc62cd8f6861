"""When and how traces are exported: on Lambda, to a collector that behaves badly, and not at all."""

from __future__ import annotations

import json
import os
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from assistant import otel
from assistant.api import create_app, create_upload_app, make_handler
from assistant.context import Resources
from assistant.otel import pipeline
from assistant.settings import TracingSettings, load_settings
from local.settings import ROOT
from tests.integration.tracing.conftest import OpenThread
from tests.support import desk
from tests.support.aws import Aws
from tests.support.collector import Collector, Mode
from tests.support.lambda_events import function_url_event
from tests.support.runtime_api import Recorded
from tests.support.stream_process import StreamProcess

pytestmark = pytest.mark.anyio

MODES: tuple[Mode, ...] = ("slow", "unavailable", "denied", "hanging", "closing")


class Invocation:
    """The part of Lambda's context that a handler reads."""

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def _event(text: str = "hello") -> dict[str, Any]:
    message = {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}
    body = json.dumps({"type": "threads.create", "params": {"input": message}})
    return function_url_event("/chatkit/api", method="POST", body=body, headers={"content-type": "application/json"})


@pytest.fixture
def invoke(aws_environment: Aws, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Runs a turn on `chat` as Lambda does, and returns the answer's body."""

    def run(endpoint: str) -> str:
        env = aws_environment.environment(
            LLM_PROVIDER="demo", THREAD_TITLES="false", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, CHAT_TURN_SECONDS="300"
        )
        resources = Resources(load_settings(env))
        # Only now: guests and the demo model are for machines that are not Lambda.
        monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat")
        monkeypatch.setenv("POWERTOOLS_METRICS_DISABLED", "true")
        handler = make_handler(create_app(resources, streaming=False))
        answer = handler(_event(), Invocation())  # type: ignore[arg-type] # what the handler reads of it
        assert answer["statusCode"] == 200
        body: str = answer["body"]
        return body

    return run


def test_chat_has_exported_when_its_handler_returns(invoke: Callable[[str], str], collector: Collector) -> None:
    invoke(collector.url)
    assert [span.attributes["chatkit.turn.outcome"] for span in collector.named("invoke_workflow")] == ["done"]
    assert {export.path for export in collector.exports} == {"/v1/traces"}


@pytest.mark.parametrize("mode", MODES)
def test_a_bad_collector_changes_no_answer(
    invoke: Callable[[str], str], mode: Mode, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.api.after_turns.TRACE_FLUSH_SECONDS", 0.2)
    with Collector(mode) as collector:
        for _ in range(2):
            body = invoke(collector.url)
            assert "thread.item.done" in body
            assert '"error"' not in body
        # The handler has returned, and nothing is exported: it has not waited for this collector.
        assert collector.exports == []
        assert mode != "hanging" or collector.hanging.is_set()
        # The second turn has not waited at all.
        assert caplog.text.count("has not taken the traces") == (0 if mode == "denied" else 1)


def test_a_collector_that_is_not_there_changes_no_answer(invoke: Callable[[str], str]) -> None:
    assert "thread.item.done" in invoke("http://127.0.0.1:1")


async def test_after_its_bound_the_export_goes_on_in_its_thread(open_thread: OpenThread, collector: Collector) -> None:
    collector.mode = "slow"
    await open_thread().say("hello")
    await otel.flush(0.1)
    assert collector.exports == []
    collector.wait_for("invoke_workflow")


async def test_the_body_is_compressed_where_the_operator_says_so(open_thread: OpenThread, collector: Collector) -> None:
    await open_thread(OTEL_EXPORTER_OTLP_COMPRESSION="gzip", OTEL_SERVICE_NAME="shop").say("hello")
    await otel.flush(60)
    assert {export.headers["content-encoding"] for export in collector.exports} == {"gzip"}
    assert {export.headers["content-type"] for export in collector.exports} == {"application/x-protobuf"}
    assert collector.spans[0].resource["service.name"] == "shop"


async def test_the_service_has_the_operators_attributes(open_thread: OpenThread, collector: Collector) -> None:
    await open_thread(OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=a%2Cb, team=shop").say("hello")
    await otel.flush(60)
    resource = collector.spans[0].resource
    assert (resource["deployment.environment.name"], resource["team"]) == ("a,b", "shop")
    assert resource["service.name"]


async def test_on_aws_the_headers_are_a_secret_that_the_exporter_reads(
    open_thread: OpenThread, collector: Collector, aws_environment: Aws
) -> None:
    name = f"otel-{uuid.uuid4().hex}"
    aws_environment.client("secretsmanager").create_secret(Name=name, SecretString="authorization=Bearer%20abc,x-a=b")
    await open_thread(OTEL_EXPORTER_OTLP_HEADERS_SECRET=name).say("hello")
    await otel.flush(60)
    [export] = collector.exports
    assert (export.headers["authorization"], export.headers["x-a"]) == ("Bearer abc", "b")


async def test_headers_that_cannot_be_read_harm_no_turn(
    open_thread: OpenThread, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    assert await open_thread(OTEL_EXPORTER_OTLP_HEADERS_SECRET=f"missing-{uuid.uuid4().hex}").say("hello")
    await otel.flush(60)
    assert collector.exports == []
    assert "Exception while exporting Span" in caplog.text


async def test_the_sampler_decides_what_is_recorded(open_thread: OpenThread, collector: Collector) -> None:
    for sampler, share in (("always_off", ""), ("traceidratio", "0"), ("parentbased_traceidratio", "0")):
        await open_thread(OTEL_TRACES_SAMPLER=sampler, OTEL_TRACES_SAMPLER_ARG=share).say("hello")
    await open_thread(OTEL_SDK_DISABLED="true").say("hello")
    await open_thread(OTEL_TRACES_SAMPLER="parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG="1").say("hello")
    await otel.flush(60)
    assert len(collector.named("invoke_workflow")) == 1


def test_a_restored_snapshot_and_a_fork_repeat_no_id() -> None:
    ids = pipeline._ids()
    seen = []
    for _ in range(2):
        # A snapshot holds the state of `random`, and so does the child of a fork.
        random.seed(7)
        seen += [ids.generate_trace_id(), ids.generate_span_id()]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        random.seed(7)
        os.write(writer, str(ids.generate_trace_id()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    random.seed(7)
    seen += [ids.generate_trace_id(), int(os.read(reader, 100))]
    assert len(set(seen)) == len(seen)
    assert all(each > 0 for each in seen)


def test_a_snapshot_holds_the_libraries_but_no_pipeline() -> None:
    settings = TracingSettings(endpoint="http://127.0.0.1:1/never")
    otel.preload(settings)
    assert settings not in pipeline._pipelines


@pytest.mark.parametrize("make", [lambda given: create_app(given, streaming=True), create_upload_app])
def test_fastapis_own_telemetry_which_records_messages_of_errors_stays_off(
    make: Callable[[Resources], FastAPI], aws_environment: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    app = make(Resources(load_settings(aws_environment.environment(LLM_PROVIDER="demo"))))
    # FastAPI 0.165 tells nobody else.
    used = {name for name in ("tracing", "metrics", "logs", "auto_configure") if app._telemetry.get(name)}
    assert not used


# --- The function `stream`, run as Lambda runs it


@pytest.fixture
def stream(table_and_bucket: Aws) -> Callable[..., StreamProcess]:
    """Makes a process of the function `stream`."""

    def make(app: str = "app:app", **more: str) -> StreamProcess:
        env = table_and_bucket.environment(LLM_PROVIDER="demo", ALLOW_DEMO="true", **more)
        path = f"{ROOT / 'layers' / 'agents'}:{ROOT / 'functions' / 'stream'}:{ROOT}"
        # No guest exists on Lambda.
        visitors = {"AUTH_MODE": "visitor", "VISITOR_KEY": "k" * 40}
        variables: dict[str, Any] = {**env, **visitors, "PYTHONPATH": path}
        return StreamProcess(app, **variables)

    return make


def _say(process: StreamProcess) -> Recorded:
    visitor = function_url_event("/chatkit/api/visitor", method="POST", headers={"content-type": "application/json"})
    token = process.invoke(visitor).json["token"]
    event = _event()
    event["headers"]["authorization"] = f"Bearer {token}"
    answer = process.submit(event).response(120)
    assert b"thread.item.done" in answer.payload
    assert b'"error"' not in answer.payload
    return answer


def test_stream_has_exported_before_it_asks_for_its_next_invocation(
    stream: Callable[..., StreamProcess], collector: Collector
) -> None:
    with stream(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        answer = _say(process)
        # Lambda freezes the process as soon as it asks.
        process.api.wait_until_polled()
        [root] = collector.named("invoke_workflow")
        assert root.attributes["chatkit.turn.id"] == dict(answer.prelude["headers"])["x-turn-id"]


def test_a_collector_that_hangs_does_not_keep_stream_from_its_next_invocation(
    stream: Callable[..., StreamProcess],
) -> None:
    with Collector("hanging") as collector, stream(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as process:
        for _ in range(2):
            _say(process)
            process.api.wait_until_polled()
        assert collector.hanging.is_set()
        assert collector.exports == []


def test_without_an_endpoint_nothing_of_it_is_loaded(stream: Callable[..., StreamProcess]) -> None:
    with stream("tests.support.loaded_modules:app", AGENT_FACTORY=desk.FACTORY) as process:
        _say(process)
        loaded = set(process.invoke(function_url_event("/loaded-modules")).json)
    assert "agents" in loaded
    # FastAPI loads OpenTelemetry's API itself.
    libraries = ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf", "requests")
    ours = ("assistant.otel.agents_spans",)
    assert not [name for name in loaded if name.startswith((*libraries, *ours))]
