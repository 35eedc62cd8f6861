"""Read the runtime's environment variables once, check them and give them types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_APP = "app:app"
DEFAULT_MARGIN_MS = 5_000
"""Time before the deadline at which the app is warned, so that it can store its work and end."""
DEFAULT_CUT_MS = 1_000
"""Time before the deadline at which the runtime ends the response, so that the client gets a proper error."""
SNAP_START = "snap-start"


class SettingsError(Exception):
    """An environment variable is not valid."""


@dataclass(frozen=True, slots=True)
class RuntimeSettings:
    """The settings of the runtime.

    Attributes:
        api_address: `host:port` of the Lambda Runtime API.
        app: the ASGI app as `module:attribute`.
        task_root: the folder of the function's code.
        runtime_dir: the folder of the managed runtime's libraries.
        concurrency: the number of invocations at the same time; more than 1 only on Managed Instances.
        multi_concurrent: whether the platform has set a concurrency, even if it is 1.
        snap_start: whether a snapshot is taken after initialisation.
        json_logs: whether log lines are JSON.
        log_level: a level name of `logging`; empty keeps the default.
        margin: seconds before the deadline at which the app is warned.
        cut: seconds before the deadline at which the response is ended.
        graceful_shutdown: register an internal extension, so that Lambda sends SIGTERM before it ends the process.
        metrics_namespace: the CloudWatch namespace of the metric for broken responses.
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
        SettingsError: The Runtime API's address is missing, or a value is not valid.
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
        # Lambda's level TRACE does not exist in `logging`.
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
