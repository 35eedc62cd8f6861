"""The runtime's settings: every environment variable it reads, typed, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_APP = "app:app"
DEFAULT_MARGIN_MS = 5_000
"""Time an app has, from being told of the deadline, to store what it has and end its response."""
DEFAULT_CUT_MS = 1_000
"""Time before the deadline at which an app that did not listen is cut, so that the client learns of it from us."""
SNAP_START = "snap-start"


class SettingsError(Exception):
    """An environment variable that the runtime cannot read."""


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """How one process of the runtime runs.

    Attributes:
        api_address: `host:port` of the Lambda Runtime API.
        app: the ASGI app as `module:attribute`.
        task_root: the folder of the function's code.
        runtime_dir: the folder of the managed runtime's own libraries.
        concurrency: invocations served at once; 1 but on Managed Instances.
        multi_concurrent: whether the platform set a concurrency at all, be it 1.
        snap_start: whether a snapshot is taken after initialisation.
        json_logs: JSON log lines instead of text.
        log_level: a level name of `logging`, or nothing to keep the default.
        margin: seconds before the deadline at which the app is told.
        cut: seconds before the deadline at which the app is stopped.
        graceful_shutdown: register an internal extension, which makes Lambda send SIGTERM before it ends the process.
        metrics_namespace: CloudWatch namespace of the metric for responses that broke in mid-stream.
    """

    api_address: str
    app: str = DEFAULT_APP
    task_root: str = ""
    runtime_dir: str = ""
    concurrency: int = 1
    multi_concurrent: bool = False
    snap_start: bool = False
    json_logs: bool = False
    log_level: str = ""
    margin: float = DEFAULT_MARGIN_MS / 1000
    cut: float = DEFAULT_CUT_MS / 1000
    graceful_shutdown: bool = False
    metrics_namespace: str = "LambdaStream"


def load_settings(env: Mapping[str, str]) -> RuntimeSettings:
    """Read the settings from an environment.

    Raises:
        SettingsError: the Runtime API's address is missing, or a number is not one.
    """
    address = env.get("AWS_LAMBDA_RUNTIME_API", "")
    if not address:
        raise SettingsError("AWS_LAMBDA_RUNTIME_API is not set: this program runs inside AWS Lambda or its emulator")
    level = env.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    return RuntimeSettings(
        api_address=address,
        app=env.get("LAMBDA_STREAM_APP") or DEFAULT_APP,
        task_root=env.get("LAMBDA_TASK_ROOT", ""),
        runtime_dir=env.get("LAMBDA_RUNTIME_DIR", ""),
        concurrency=max(1, int(_number(env, "AWS_LAMBDA_MAX_CONCURRENCY", 1))),
        multi_concurrent="AWS_LAMBDA_MAX_CONCURRENCY" in env,
        snap_start=env.get("AWS_LAMBDA_INITIALIZATION_TYPE") == SNAP_START,
        json_logs=env.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON",
        # TRACE is a level of Lambda's that `logging` has not.
        log_level="DEBUG" if level == "TRACE" else level,
        margin=_number(env, "LAMBDA_STREAM_DEADLINE_MARGIN_MS", DEFAULT_MARGIN_MS) / 1000,
        cut=_number(env, "LAMBDA_STREAM_DEADLINE_CUT_MS", DEFAULT_CUT_MS) / 1000,
        graceful_shutdown=_flag(env, "LAMBDA_STREAM_GRACEFUL_SHUTDOWN"),
        metrics_namespace=env.get("LAMBDA_STREAM_METRICS_NAMESPACE") or "LambdaStream",
    )


def _number(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise SettingsError(f"{name} is not a number: {text!r}") from None
    if not 0 <= number < float("inf"):
        raise SettingsError(f"{name} is out of range: {text!r}")
    return number


def _flag(env: Mapping[str, str], name: str) -> bool:
    text = env.get(name, "").lower()
    if text not in ("", "true", "false", "1", "0"):
        raise SettingsError(f"{name} is neither true nor false: {text!r}")
    return text in ("true", "1")
