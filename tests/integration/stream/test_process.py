"""The process: its start, its error reports, its end and its log."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.support.lambda_events import function_url_event
from tests.support.stream_process import APPS, ROOT, TASK_ROOT, StreamProcess

LIFECYCLES = "tests.integration.stream.lifecycles"


@pytest.mark.parametrize(
    ("app", "kind", "message"),
    [
        ("no_such_module:app", "Runtime.ImportModuleError", "No module named 'no_such_module'"),
        (f"{LIFECYCLES}:missing", "Runtime.HandlerNotFound", "'missing' missing on module"),
        ("nonsense:", "Runtime.MalformedHandlerName", "not module:attribute"),
        (f"{LIFECYCLES}:NUMBER", "Runtime.HandlerNotFound", "cannot be called"),
        (f"{LIFECYCLES}:fails_to_start", "Runtime.LifespanFailed", "no database"),
        ("broken_syntax:app", "Runtime.UserCodeSyntaxError", "invalid syntax"),
        ("raises_at_import:app", "Function.ZeroDivisionError", "division by zero"),
    ],
)
def test_a_start_that_fails_is_reported_and_ends_the_process(app: str, kind: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "broken_syntax.py").write_text("app = = 1\n")
    (tmp_path / "raises_at_import.py").write_text("1 / 0\n")
    with StreamProcess(app, PYTHONPATH=f"{ROOT}:{tmp_path}", ready=False) as runtime:
        assert runtime.exit_code() == 1
        (report,) = runtime.api.seen("POST", "/runtime/init/error")
        assert report.header("Lambda-Runtime-Function-Error-Type") == kind
        document = json.loads(report.body)
        assert document["errorType"] == kind
        assert message in document["errorMessage"]
        assert runtime.api.seen("GET", "/invocation/next") == []
        assert kind in runtime.log()


def test_the_lifespan_starts_before_the_first_event_and_its_state_reaches_requests() -> None:
    with StreamProcess(f"{LIFECYCLES}:with_lifespan") as runtime:
        assert "lifespan started" in runtime.log()
        assert runtime.invoke(function_url_event("/")).json == {"pool": "open", "seen": 0}
        # A request gets a copy of the state: what it adds is its own.
        assert runtime.invoke(function_url_event("/")).json == {"pool": "open", "seen": 0}


def test_sigterm_shuts_the_lifespan_down() -> None:
    with StreamProcess(f"{LIFECYCLES}:with_lifespan") as runtime:
        assert runtime.terminate() == 0
        assert "lifespan stopped" in runtime.log()


def test_sigterm_lets_a_running_response_end() -> None:
    with StreamProcess("app") as runtime:
        submitted = runtime.submit(function_url_event("/waits_for_disconnect"))
        submitted.started.result(20)
        assert runtime.terminate() == 0
        response = submitted.response()
        assert (response.payload, response.complete) == (b"begun http.disconnect", True)


def test_an_internal_extension_is_registered_only_when_it_is_wanted() -> None:
    with StreamProcess("app") as runtime:
        assert runtime.api.seen("POST", "/extension/register") == []
    with StreamProcess("app", LAMBDA_STREAM_GRACEFUL_SHUTDOWN="true") as runtime:
        (registration,) = runtime.api.wait_for("POST", "/extension/register")
        assert registration.header("Lambda-Extension-Name") == "lambda-stream"
        assert json.loads(registration.body) == {"events": []}
        # Lambda waits with the first invocation until every extension has asked for its next event.
        runtime.api.wait_for("GET", "/extension/event/next")
        assert runtime.invoke(function_url_event("/hello")).status == 201
        assert runtime.terminate() == 0


def test_snapstart_runs_the_hooks_around_the_restore() -> None:
    with StreamProcess(
        f"{LIFECYCLES}:snapshotted", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", ready=False
    ) as runtime:
        runtime.api.wait_for("GET", "/runtime/restore/next")
        assert "before" in runtime.log()
        assert "after" not in runtime.log()
        assert runtime.api.seen("GET", "/invocation/next") == []
        runtime.api.restore.set()
        facts = runtime.invoke(function_url_event("/")).json
        assert facts["hooks"] == ["before async", "before", "aws before", "after 1", "after async", "aws after"]
        assert not facts["random_repeats"]


@pytest.mark.parametrize(
    ("app", "path", "kind", "code"),
    [
        ("fails_before_snapshot", "/runtime/init/error", "Runtime.BeforeSnapshotError", 64),
        ("fails_after_restore", "/runtime/restore/error", "Runtime.AfterRestoreError", 65),
    ],
)
def test_a_snapshot_hook_that_fails_is_reported(app: str, path: str, kind: str, code: int) -> None:
    with StreamProcess(
        f"{LIFECYCLES}:app", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", TEST_HOOK=app, ready=False
    ) as runtime:
        runtime.api.restore.set()
        assert runtime.exit_code() == code
        (report,) = runtime.api.seen("POST", path)
        assert report.header("Lambda-Runtime-Function-Error-Type") == kind
        assert "cannot reconnect" in json.loads(report.body)["errorMessage"]


def test_a_restored_process_uses_no_connection_from_before_the_snapshot() -> None:
    with StreamProcess("app", AWS_LAMBDA_INITIALIZATION_TYPE="snap-start", ready=False) as runtime:
        runtime.api.restore.set()
        assert runtime.invoke(function_url_event("/hello")).status == 201
        (restore,) = runtime.api.seen("GET", "/runtime/restore/next")
        assert restore.connection != runtime.api.seen("GET", "/invocation/next")[0].connection


def test_one_connection_carries_one_invocation_after_the_other() -> None:
    with StreamProcess("app") as runtime:
        for _ in range(5):
            runtime.invoke(function_url_event("/hello"))
        assert len({request.connection for request in runtime.api.requests}) == 1


def test_the_context_object_says_what_the_invocation_does() -> None:
    with StreamProcess("app") as runtime:
        submitted = runtime.submit(
            function_url_event("/context"),
            headers={
                "Lambda-Runtime-Client-Context": json.dumps({"custom": {"käse": "1"}}, ensure_ascii=False),
                "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId":"id-1"}',
                "Lambda-Runtime-Aws-Tenant-Id": "blue",
            },
        )
        facts = submitted.response().json
        assert 0 < facts.pop("remaining") <= 60_000
        assert facts == {
            "request_id": submitted.request_id,
            "arn": "arn:aws:lambda:eu-central-1:123456789012:function:stream",
            "function": "stream",
            "memory": "512",
            "tenant": "blue",
            "custom": {"käse": "1"},
            "identity": "id-1",
            "trace": submitted.headers["Lambda-Runtime-Trace-Id"],
            "left_behind": "nothing",
        }


def test_context_variables_and_the_trace_end_with_their_invocation() -> None:
    with StreamProcess("app") as runtime:
        assert runtime.invoke(function_url_event("/context")).json["trace"].startswith("Root=")
        following = runtime.submit(function_url_event("/context"))
        assert following.response().json["left_behind"] == "nothing"
        untraced = runtime.invoke(function_url_event("/context"), headers={"Lambda-Runtime-Trace-Id": ""})
        assert untraced.json["trace"] is None


def test_text_logs_carry_level_time_and_request_id() -> None:
    with StreamProcess(f"{LIFECYCLES}:logs") as runtime:
        submitted = runtime.submit(function_url_event("/"))
        submitted.response()
        log = runtime.wait_for_log(lambda log: "the end" in log)
        line = next(line for line in log.splitlines() if "over 9000" in line)
        level, when, request_id, message = line.split("\t")
        assert (level, request_id, message) == ("[WARNING]", submitted.request_id, "over 9000")
        assert when.endswith("Z")
        # A thread that works for a request logs for it.
        assert any("from a thread" in line and submitted.request_id in line for line in log.splitlines())
        assert "only for debugging" not in log


def test_json_logs_carry_the_same_and_the_level_is_configurable() -> None:
    with StreamProcess(f"{LIFECYCLES}:logs", AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="DEBUG") as runtime:
        submitted = runtime.submit(function_url_event("/"))
        submitted.response()
        log = runtime.wait_for_log(lambda log: "the end" in log)
        lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
        line = next(line for line in lines if line["message"] == "over 9000")
        assert line["level"] == "WARNING"
        assert line["requestId"] == submitted.request_id
        assert line["basket"] == {"apples": 3}
        assert any(line["message"] == "only for debugging" for line in lines)
        failed = next(line for line in lines if line["message"] == "it failed")
        assert (failed["errorType"], failed["errorMessage"]) == ("KeyError", "'pear'")
        assert any("logs" in entry for entry in failed["stackTrace"])


def test_printed_lines_are_flushed_at_once() -> None:
    with StreamProcess("app") as runtime:
        submitted = runtime.submit(function_url_event("/context"))
        submitted.response()
        runtime.wait_for_log(lambda log: f"printed by {submitted.request_id}\n" in log)


def test_the_wrapper_runs_the_interpreter_that_lambda_names(tmp_path: Path) -> None:
    link = tmp_path / "python-of-the-platform"
    link.write_text(f'#!/bin/sh\nexport CHOSEN=yes\nexec {sys.executable} "$@"\n')
    link.chmod(0o755)
    with StreamProcess(f"{LIFECYCLES}:environment", interpreter=str(link)) as runtime:
        assert runtime.invoke(function_url_event("/")).json["CHOSEN"] == "yes"


def test_the_path_has_what_the_managed_bootstrap_would_have_added() -> None:
    with StreamProcess("app", PYTHONPATH=str(ROOT)) as runtime:
        path = runtime.invoke(function_url_event("/process")).json["path"]
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        wanted = [str(TASK_ROOT), f"/opt/python/lib/{version}/site-packages", "/opt/python", "/var/runtime"]
        assert [folder for folder in path if folder in wanted] == wanted


def test_an_app_may_be_any_attribute_of_any_module() -> None:
    with StreamProcess(f"{APPS}:app.__call__") as runtime:
        assert runtime.invoke(function_url_event("/hello")).status == 201


def test_a_setting_that_makes_no_sense_is_refused_at_once() -> None:
    with StreamProcess("app", LAMBDA_STREAM_DEADLINE_MARGIN_MS="soon", ready=False) as runtime:
        assert runtime.exit_code() == 1
        assert "LAMBDA_STREAM_DEADLINE_MARGIN_MS is not a number: 'soon'" in runtime.log()


def test_without_a_runtime_api_the_process_says_where_it_belongs() -> None:
    with StreamProcess("app", AWS_LAMBDA_RUNTIME_API="", ready=False) as runtime:
        assert runtime.exit_code() == 1
        assert "runs inside AWS Lambda or its emulator" in runtime.log()
