"""What is shipped: the layer and the functions for arm64 and Python 3.13, looked at as files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
import struct
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from declaration import aws_services, chosen
from local.settings import ROOT
from tests.support.build import MACHINE, RUNTIME_PYTHON, SHIPPED_PYTHON, Built, make_build

ELF_MAGIC = b"\x7fELF"
# e_machine of the ELF header.
MACHINES = {"arm64": 183, "x86_64": 62}
# Lambda's limit on a function with its layers, unzipped, in bytes.
MAX_UNZIPPED = 250 * 1024 * 1024
# The layer's part of it, in bytes.
MAX_LAYER = 75_000_000
FUNCTIONS = ("chat", "stream", "upload", "sweep", "ingest", "job", "durable_job")


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _digest(folder: Path) -> dict[str, tuple[str, int, float]]:
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
            path.stat().st_mtime,
        )
        for path in _files(folder)
    }


def test_every_shared_object_is_for_the_architecture_that_is_shipped(shipped: Built) -> None:
    found = 0
    for path in _files(shipped.folder):
        head = path.read_bytes()[:20]
        if head.startswith(ELF_MAGIC):
            found += 1
            assert struct.unpack_from("<H", head, 18) == (MACHINES["arm64"],), path
    assert found > 5, "pydantic_core, jiter, cryptography and others come as shared objects"


def test_every_shared_object_is_for_the_python_that_is_shipped(shipped: Built) -> None:
    for path in shipped.layer.rglob("*.so"):
        assert re.search(r"\.(cpython-313-aarch64-linux-gnu|abi3)\.so$", path.name) or "cpython" not in path.name


def test_every_wheel_in_the_layer_is_for_the_shipped_platform(shipped: Built) -> None:
    wheels = list(shipped.layer.rglob("*.dist-info/WHEEL"))
    assert len(wheels) > 30
    for wheel in wheels:
        tags = re.findall(r"^Tag: (.+)$", wheel.read_text(), re.MULTILINE)
        assert tags, wheel
        for tag in tags:
            python, _, platform = tag.split("-")
            assert python.startswith(("py3", "py2.py3", "py2", "cp313")) or "abi3" in tag, wheel
            assert platform == "any" or platform.endswith("aarch64"), wheel


def test_nothing_is_called_bootstrap(shipped: Built) -> None:
    assert not [path for path in _files(shipped.folder) if path.name == "bootstrap"]


def test_modes_let_lambda_read_everything_and_run_the_wrapper(shipped: Built) -> None:
    wrapper = shipped.function("stream") / "stream-runtime"
    assert stat.S_IMODE(wrapper.stat().st_mode) == 0o755
    assert wrapper.read_text().startswith("#!/bin/sh\n")
    for path in shipped.folder.rglob("*"):
        wanted = 0o555 if path.is_dir() else 0o444
        assert path.stat().st_mode & wanted == wanted, path


def test_the_layer_holds_the_platform_the_agents_and_their_libraries(shipped: Built) -> None:
    python = shipped.layer / "python"
    for name in ("assistant", chosen().package, "agents", "chatkit", "openai", "fastapi", "mangum", "boto3"):
        assert (python / name / "__init__.py").exists(), name
    assert {path.name for path in shipped.layer.iterdir()} == {"python"}


def test_the_layer_holds_no_development_tool_and_no_test(shipped: Built) -> None:
    python = shipped.layer / "python"
    for name in ("pytest", "moto", "mypy", "ruff", "hypothesis", "playwright", "bin", "artifact.py"):
        assert not (python / name).exists(), name
    assert not [path for path in python.rglob("tests") if path.is_dir()]
    services = {path.name for path in (python / "botocore" / "data").iterdir() if path.is_dir()}
    assert {"dynamodb", "s3", "secretsmanager"} <= services
    assert len(services) < 10


def test_what_imports_read_beside_code_is_still_there(shipped: Built) -> None:
    python = shipped.layer / "python"
    assert (python / "boto3" / "docs").is_dir()
    assert (python / "botocore" / "docs").is_dir()
    assert list(python.glob("mcp-*.dist-info/METADATA"))


def test_no_function_carries_what_the_layer_holds(shipped: Built) -> None:
    own = {"stream": {"lambda_stream", "stream-runtime"}, "durable_job": {"aws_durable_execution_sdk_python"}}
    for name in FUNCTIONS:
        names = {path.name for path in shipped.function(name).iterdir() if path.suffix != ".dist-info"}
        assert names == {"app.py"} | own.get(name, set())


def test_the_durable_function_starts_with_its_own_package_and_those_of_the_layer(built: Built) -> None:
    # The layer's boto3 has the calls that the package makes.
    start = "import app, boto3; print(app.lambda_handler.__name__, boto3.client('lambda').checkpoint_durable_execution)"
    path = os.pathsep.join(map(str, (built.function("durable_job"), built.layer / "python")))
    environment = {"AUTH_MODE": "guest", "PATH": os.environ["PATH"], "PYTHONPATH": path}
    environment["AWS_DEFAULT_REGION"] = "us-east-1"
    command = [str(RUNTIME_PYTHON), "-W", "ignore", "-c", start]
    done = subprocess.run(command, env=environment, cwd=built.folder, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("lambda_handler <bound method"), done.stderr


def test_it_fits_into_lambda(shipped: Built) -> None:
    layer = sum(path.stat().st_size for path in _files(shipped.layer))
    for name in FUNCTIONS:
        assert layer + sum(path.stat().st_size for path in _files(shipped.function(name))) < MAX_UNZIPPED


# What must be importable is everything, except for modules that say themselves that they are not for here.
NOT_FOR_HERE = {
    "botocore.crt.auth",
    "dateutil.tz.win",
    "dateutil.tzwin",
    "mcp.server.fastmcp",
    "pypdf.generic._image_xobject",
    "truststore._macos",
    "truststore._windows",
}
IMPORTS = """
import importlib, json, sys
from pathlib import Path
layer = Path(sys.argv[1])
sys.path.insert(0, str(layer))
failed = {}
for path in sorted(layer.rglob("*.py")):
    parts = path.relative_to(layer).with_suffix("").parts
    if parts[-1] == "__main__" or not all(part.isidentifier() for part in parts):
        continue
    name = ".".join(parts).removesuffix(".__init__")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        failed[name] = error.name
    except BaseException as error:
        failed[name] = f"{type(error).__name__}: {error}"
print(json.dumps(failed))
"""


def _left_out() -> set[str]:
    contents = tomllib.loads((ROOT / "layers" / "agents" / "contents.toml").read_text())
    return {name for names in contents["left_out"].values() for name in names}


def test_everything_that_is_shipped_can_be_imported(built: Built) -> None:
    python = built.layer / "python"
    # Everything that the SDKs import must be there, so the modules are imported without delay.
    environment = {"LAZY_IMPORTS": "false", "PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "us-east-1"}
    command = [str(RUNTIME_PYTHON), "-W", "ignore", "-c", IMPORTS, str(python)]
    done = subprocess.run(command, env=environment, cwd=built.folder, capture_output=True, text=True, check=True)
    failed: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    shipped = {path.name.partition(".")[0] for path in python.iterdir()}
    # A module may need an optional package, which the layer never had.
    ours = {
        name: why
        for name, why in failed.items()
        if " " in why or why.partition(".")[0] in shipped or why.partition(".")[0] in _left_out()
    }
    assert set(ours) <= NOT_FOR_HERE, ours


def test_what_is_left_out_is_not_shipped(shipped: Built) -> None:
    python = shipped.layer / "python"
    assert not [name for name in _left_out() if (python / name).exists()]
    assert not list(python.glob("uvicorn-*"))


def test_the_layer_is_small(shipped: Built) -> None:
    # A cold start reads it. More than this takes a reason in contents.toml.
    assert sum(path.stat().st_size for path in _files(shipped.layer)) < MAX_LAYER


def test_shared_objects_have_no_symbols_for_debuggers(shipped: Built) -> None:
    for path in shipped.layer.rglob("*.so*"):
        # e_shoff and e_shnum: no table of sections is left.
        head = path.read_bytes()[:64]
        assert struct.unpack_from("<Q", head, 40) == (0,), path
        assert struct.unpack_from("<H", head, 60) == (0,), path


ENDPOINTS = """
import json, sys
if len(sys.argv) > 2:
    sys.path.insert(0, sys.argv[2])
import botocore.session
session = botocore.session.Session()
print(json.dumps({
    f"{service} {region}": session.create_client(service, region_name=region).meta.endpoint_url
    for service in sys.argv[1].split(",")
    for region in ("us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1")
}))
"""


def test_the_pruned_list_of_endpoints_has_those_of_each_service(built: Built) -> None:
    services = ",".join(aws_services(chosen()))
    credentials = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "PATH": os.environ["PATH"]}

    def endpoints(python: Path | str, *more: Path) -> object:
        command = [str(python), "-c", ENDPOINTS, services, *map(str, more)]
        done = subprocess.run(command, env=credentials, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    assert endpoints(RUNTIME_PYTHON, built.layer / "python") == endpoints(sys.executable)


def test_bytecode_does_not_look_at_times_and_names_the_path_on_lambda(built: Built) -> None:
    python = built.layer / "python"
    compiled = next((python / "assistant" / "__pycache__").glob("errors.*.pyc")).read_bytes()
    flags = struct.unpack_from("<I", compiled, 4)[0]
    assert flags == 0b01, "hash-based and unchecked, as PEP 552 has it"
    assert b"/opt/python/assistant/errors.py" in compiled
    assert str(ROOT).encode() not in compiled


def test_the_layers_requirements_are_those_of_the_lock_file() -> None:
    command = ["uv", "export", "--frozen", "--quiet", "--no-dev", "--no-emit-workspace", "--no-annotate", "--no-header"]
    command[0] = str(ROOT / ".venv" / "bin" / "uv")
    exported = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "layers" / "agents" / "requirements.txt").read_text() == exported, "run `make package`"


def test_the_durable_function_s_requirements_are_those_of_the_lock_file() -> None:
    command = ["uv", "export", "--frozen", "--quiet", "--only-group", "durable", "--prune", "boto3"]
    command += ["--no-annotate", "--no-header"]
    command[0] = str(ROOT / ".venv" / "bin" / "uv")
    exported = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (ROOT / "functions" / "durable_job" / "requirements.txt").read_text() == exported, "run `make package`"


def _checkout(source: Path, folder: Path) -> Path:
    """Return a copy of what a build reads."""
    for name in ("layers", "functions", "local/environments"):
        shutil.copytree(source / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        shutil.copy2(source / name, folder)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    return folder


@pytest.mark.exhaustive
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_two_builds_are_the_same_bytes(tmp_path: Path, architecture: str) -> None:
    # Two checkouts at two paths and of two times, as two people have them; one has an umask that lets nobody else read.
    checkouts = [_checkout(ROOT, tmp_path / "first"), _checkout(tmp_path / "first", tmp_path / "second")]
    for path in (checkouts[1] / "functions").rglob("*"):
        path.chmod(path.stat().st_mode & ~0o077)
        os.utime(path)
    first, second = (make_build(root / "built", architecture, SHIPPED_PYTHON, root) for root in checkouts)
    assert _digest(first.layer) == _digest(second.layer)
    for name in FUNCTIONS:
        assert _digest(first.function(name)) == _digest(second.function(name))


def test_the_build_for_this_machine_is_of_its_architecture(built: Built) -> None:
    for path in built.layer.rglob("*.so"):
        assert struct.unpack_from("<H", path.read_bytes()[:20], 18) == (MACHINES[MACHINE],), path
