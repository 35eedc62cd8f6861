"""The dev server's settings: its ports and folder, and the environment of the functions."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENV_FILE = ROOT / ".env"

DEFAULT_HOST = "127.0.0.1"
# With these addresses the server listens on all addresses, so its host names are unknown.
ANY_HOST = "0.0.0.0"  # noqa: S104 - compared, not bound
DEFAULT_PORT = 8000
DEFAULT_STREAM_PORT = 8001
# The usual port of AWS emulators.
DEFAULT_AWS_PORT = 4566
DEFAULT_STATE_DIR = ".local"
MAX_PORT = 65_535
# The same rule as for the template's `AllowedOrigins`: browsers send an origin without a path and a trailing slash.
ORIGIN = re.compile(r"(\*|https?://[^/\s]+)?")
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class DevSettingsError(ValueError):
    """A setting of the dev server is not valid. The message names it."""


@dataclass(frozen=True)
class DevSettings:
    """The dev server's own settings. Port 0: any free port.

    Attributes:
        host: The address that the page and the functions are served at. The local AWS stays on 127.0.0.1.
        port: The port of the page, `chat` and `upload`.
        stream_port: The port of `stream`.
        aws_port: The port of the local AWS.
        keys: The folder of the key that signs this server's tokens.
        state: The folder of the table's and the bucket's content; no two servers share one.
        reload: Whether a change of the code restarts the functions.
        functions: What the functions get of the environment and `.env`.
    """

    host: str
    port: int
    stream_port: int
    aws_port: int
    keys: Path
    state: Path
    reload: bool
    functions: Mapping[str, str]


def read_environment(env: Mapping[str, str] | None = None, env_file: Path = ENV_FILE) -> dict[str, str]:
    """Return the environment. Variables that only `.env` sets are added."""
    from dotenv import dotenv_values

    values = {name: value for name, value in dotenv_values(env_file).items() if value is not None}
    return values | dict(os.environ if env is None else env)


def load_dev_settings(env: Mapping[str, str]) -> DevSettings:
    """Read the settings from an environment.

    Raises:
        DevSettingsError: a port, an origin or a price is not one, or a flag is neither true nor false.
    """

    def port(name: str, default: int) -> int:
        raw = env.get(name, "").strip() or str(default)
        if not raw.isdecimal() or int(raw) > MAX_PORT:
            raise DevSettingsError(f"{name} must be a port, 0 to {MAX_PORT}, not {raw!r}.")
        return int(raw)

    reload = env.get("RELOAD", "").strip().lower() or "true"
    if reload not in _TRUE + _FALSE:
        raise DevSettingsError(f"RELOAD must be true or false, not {reload!r}.")
    for origin in env.get("ALLOWED_ORIGINS", "").split(","):
        if not ORIGIN.fullmatch(origin.strip()):
            raise DevSettingsError(
                "ALLOWED_ORIGINS must be origins such as http://localhost:5173, without a path or a slash at the end, "
                f"not {origin.strip()!r}."
            )
    aws_port = port("AWS_PORT", DEFAULT_AWS_PORT)
    named = env.get("STATE_DIR", "").strip()
    keys = ROOT / (named or DEFAULT_STATE_DIR)
    # Several servers differ in their ports. Without STATE_DIR, each gets its own folder.
    state = keys if named or aws_port == DEFAULT_AWS_PORT else keys / f"port-{aws_port}"
    return DevSettings(
        host=env.get("HOST", "").strip() or DEFAULT_HOST,
        port=port("PORT", DEFAULT_PORT),
        stream_port=port("STREAM_PORT", DEFAULT_STREAM_PORT),
        aws_port=aws_port,
        keys=keys,
        state=state,
        reload=reload in _TRUE,
        # Without AWS settings, so that the functions reach only the local AWS.
        functions={name: value for name, value in env.items() if not name.startswith("AWS_")},
    )
