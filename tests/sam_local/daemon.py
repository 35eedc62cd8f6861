"""A Docker daemon of the test's own, on a unix socket: it touches no other daemon, and no firewall rule."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 30.0


@contextmanager
def docker_daemon(folder: Path) -> Iterator[dict[str, str]]:
    """Run a daemon whose files are all in a folder; yield the environment that makes clients use it."""
    # A unix socket's path has to be short.
    sock = folder / "d.sock"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    command = [
        "dockerd",
        "--iptables=false",
        "--ip6tables=false",
        "--storage-driver=overlay2",
        f"--default-ulimit=nofile={hard}:{hard}",
        f"--data-root={folder / 'data'}",
        f"--exec-root={folder / 'exec'}",
        f"--pidfile={folder / 'pid'}",
        f"--host=unix://{sock}",
    ]
    environment = {**os.environ, "DOCKER_HOST": f"unix://{sock}"}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run(["docker", "info"], env=environment, capture_output=True, check=False).returncode:
            assert process.poll() is None, log.read_text()[-3000:]
            assert time.monotonic() < deadline, log.read_text()[-3000:]
            time.sleep(0.2)
        yield environment
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)
