"""Fixtures: the apps on the local AWS, and the operator's scripts as `make` runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from local.settings import ROOT
from tests.support.aws import Aws
from tests.support.http_api import chat, issuer, open_client, resources, stream, token, upload

__all__ = ["chat", "issuer", "open_client", "resources", "stream", "token", "upload"]

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def script(table_and_bucket: Aws) -> Script:
    """Runs an operator's script on the module's table and bucket: `script("show", "--turn", turn_id)`."""

    def run(name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"scripts.{name}", *arguments],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], **table_and_bucket.environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
