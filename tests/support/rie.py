"""The built streaming runtime under the Runtime Interface Emulator, in each way that the emulator runs a function."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.support.build import RUNTIME_PYTHON, Built
from tests.support.emulated import EMULATOR, RUNTIME, Emulated, addresses, free_port, start, stop
from tests.support.stream_process import APPS, BOOTSTRAP, function_environment

AS_ANYBODY = ["unshare", "--user", "--map-root-user", "--mount"]
AS_ROOT = ["unshare", "--mount"]
"""In its mode of Managed Instances the emulator runs the function as another user, which takes the real root."""
PLACE = """
set -e
mount -t tmpfs none /var
mkdir /var/task /var/runtime /var/lang /var/project
mount --bind "$1" /var/task
mount --bind "$2" /var/runtime
mount --bind "$3" /var/lang
mount --bind "$4" /var/project
cd /var/task
shift 4
exec "$@"
"""
"""Puts a function and the managed runtime where Lambda has them, for one process and its children alone.

/var/project has the tests' apps: the user that the function runs as may not read where they lie.
"""

EmulateRuntime = Callable[..., Emulated]


@pytest.fixture(scope="module")
def emulate_runtime(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmulateRuntime]:
    """Start the built stream function with an app of the tests: `emulate_runtime("app", in_place=True)`.

    With `in_place` the emulator gets no command and looks for /var/runtime/bootstrap, as it does under `sam local`; a
    concurrency switches it to the mode of Managed Instances, which knows no other way.
    """
    running: list[Emulated] = []

    def begin(app: str, *, in_place: bool = False, concurrency: int = 0, **more: str) -> Emulated:
        folder = built.function("stream")
        port = free_port()
        environment = function_environment("", f"{APPS}:{app}", AWS_LAMBDA_FUNCTION_TIMEOUT="30", **more)
        del environment["AWS_LAMBDA_RUNTIME_API"]
        environment["PYTHONPATH"] = str(ROOT)
        if concurrency:
            environment["AWS_LAMBDA_MAX_CONCURRENCY"] = str(concurrency)
        if in_place:
            namespace = AS_ROOT if concurrency else AS_ANYBODY
            places = [folder, _runtime_folder(tmp_path_factory), _base_prefix(), ROOT]
            command = [*namespace, "sh", "-c", PLACE, "sh", *map(str, places), str(EMULATOR), *addresses(port)]
            environment |= {
                "PYTHONPATH": "/var/project",
                "LD_LIBRARY_PATH": "/var/lang/lib",
                "LAMBDA_TASK_ROOT": "/var/task",
                "AWS_LAMBDA_EXEC_WRAPPER": "/var/task/stream-runtime",
                "_HANDLER": "app.lambda_handler",
            }
        else:
            environment["LAMBDA_TASK_ROOT"] = str(folder)
            command = [str(EMULATOR), *addresses(port), str(folder / "stream-runtime"), str(RUNTIME_PYTHON), BOOTSTRAP]
        log = tmp_path_factory.mktemp("emulated") / "log"
        running.append(start(command, environment, ROOT, log, port))
        return running[-1]

    yield begin
    for emulated in running:
        stop(emulated)


@pytest.fixture(scope="session")
def mounts() -> None:
    """Skip where no user may mount in a namespace of its own."""
    _try_to_mount(AS_ANYBODY)


@pytest.fixture(scope="session")
def root_mounts() -> None:
    """Skip where there is no root who may mount in a namespace of its own."""
    _try_to_mount(AS_ROOT)


def _try_to_mount(namespace: list[str]) -> None:
    try:
        subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", "/var"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip(f"this machine does not let us mount in a namespace of our own: {' '.join(namespace)}")


def _base_prefix() -> str:
    code = "import sys; print(sys.base_prefix)"
    return subprocess.run([RUNTIME_PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def _runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like /var/runtime: the bootstrap and the packages that the managed runtime brings."""
    folder = tmp_path_factory.mktemp("runtime")
    folder.chmod(0o755)
    [site] = (ROOT / ".envs" / "runtime" / "lib").glob("python*/site-packages")
    shutil.copytree(RUNTIME, folder, dirs_exist_ok=True)
    shutil.copytree(site / "awslambdaric", folder / "awslambdaric")
    for package in ("simplejson", "snapshot_restore_py.py", "runtime_client.*"):
        for source in site.glob(package):
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / source.name)
    return folder
