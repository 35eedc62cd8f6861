"""Finishes the layer's folder after its packages are installed: prunes, strips, compiles, makes its bytes repeatable.

Run by this folder's Makefile, on any Python 3.11+, whatever the version and architecture the layer is for:

    python artifact.py FOLDER --python 3.13
"""

from __future__ import annotations

import argparse
import glob
import gzip
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import declaration
import shipped

CONTENTS = tomllib.loads((declaration.FOLDER / declaration.CONTENTS).read_text())
# Folders by these names hold a package's own tests. `agents.testing` and others that are public stay.
TEST_FOLDERS = {"tests", "_tests"}
# RECORD lists files that are gone by now; the rest says how, not what, was installed.
INSTALLER_NOTES = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
# Zip files begin with 1980, so this is the earliest time that an archive of the folder can keep (UTC seconds).
MODIFIED = 315_532_800
# Where Lambda unpacks a layer: what tracebacks show as the path.
MOUNT = "/opt"


def remove(path: Path) -> bool:
    """Remove a file or a folder. Return whether there was one."""
    if path.is_dir():
        shutil.rmtree(path)
    elif path.is_file():
        path.unlink()
    else:
        return False
    return True


def left_out(kept: Sequence[str]) -> list[str]:
    """Return the paths that contents.toml leaves out, without those that the package keeps."""
    paths = [name for names in CONTENTS["left_out"].values() for name in names]
    if unknown := set(kept) - set(paths):
        sys.exit(f"{', '.join(sorted(unknown))}: contents.toml does not leave this out, so nobody has to keep it.")
    return [name for name in paths if name not in kept]


def prune(folder: Path, services: set[str], paths: Sequence[str]) -> None:
    """Remove tests, console scripts, stubs, the installer's notes, these paths, and the other AWS services."""
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and (path.name in TEST_FOLDERS or path.name == "__pycache__"):
            shutil.rmtree(path)
        elif path.suffix == ".pyi" or (path.parent.suffix == ".dist-info" and path.name in INSTALLER_NOTES):
            path.unlink()
    for name in paths:
        if not remove(folder / name):
            sys.exit(f"contents.toml leaves out {name}, which no package has. An update may have moved it.")
        for notes in folder.glob(f"{name}-*.dist-info"):
            shutil.rmtree(notes)
    for package in ("boto3", "botocore"):
        for path in (folder / package / "data").iterdir():
            if path.is_dir() and path.name not in services:
                shutil.rmtree(path)
    prune_endpoints(folder / "botocore" / "data", services)


def prune_endpoints(data: Path, services: set[str]) -> None:
    """Keep the services of the layer in botocore's list of endpoints. Each process reads the whole list."""
    path = data / "endpoints.json"
    endpoints = json.loads(path.read_text())
    kept = {endpoint_name(data, name) for name in services}
    for partition in endpoints["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in kept}
    path.write_text(json.dumps(endpoints, separators=(",", ":")))


def endpoint_name(data: Path, service: str) -> str:
    """Return the name of a service in the list of endpoints. It is not always the name in boto3."""
    descriptions = sorted((data / service).glob("*/service-2.json.gz"))
    if not descriptions:
        sys.exit(f"{service} is no AWS service that boto3 knows: correct aws_services in the package's pyproject.toml.")
    name: str = json.loads(gzip.decompress(descriptions[-1].read_bytes()))["metadata"]["endpointPrefix"]
    return name


def strip(path: Path) -> None:
    """Cut off the end of a shared object that no loader reads: symbols for debuggers, and the table of sections.

    A loader reads the segments alone. Unlike binutils' `strip`, this works for every architecture on every machine.
    """
    data = bytearray(path.read_bytes())
    # ELF, 64 bits, little-endian: the two architectures of Lambda.
    if data[:6] != b"\x7fELF\x02\x01":
        return
    first, size, count = struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54)
    end = first + size * count
    for number in range(count):
        offset, _, _, length = struct.unpack_from("<QQQQ", data, first + number * size + 8)
        end = max(end, offset + length)
    # e_shoff, and after e_shentsize: e_shnum, e_shstrndx.
    struct.pack_into("<Q", data, 40, 0)
    struct.pack_into("<HH", data, 60, 0, 0)
    path.write_bytes(data[:end])


def find_python(version: str) -> str | None:
    """Return a Python of that version that runs, or None: a pyenv shim, for one, may stand for nothing."""
    home = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    candidates = [sys.executable, shutil.which(f"python{version}")]
    candidates += sorted(glob.glob(f"{home}/versions/{version}*/bin/python{version}"))
    for candidate in candidates:
        if candidate is None:
            continue
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        answer = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if answer.stdout.strip() == version:
            return candidate
    return None


def compile_bytecode(folder: Path, version: str) -> bool:
    """Compile every module, or say that it could not.

    Without bytecode a cold start spends twice the time on imports. The files are of the unchecked kind, which
    does not look at times: archives change them.

    Returns:
        Whether a Python of that version was found.
    """
    python = find_python(version)
    if python is None:
        return False
    command = [python, "-s", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(folder.parent), "-p", MOUNT, str(folder)]
    # The order of a set of strings among a module's constants follows this seed.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    # Its exit code tells of templates among the packages that were never meant to compile.
    subprocess.run(command, env=environment, check=False, capture_output=True)
    return True


def normalise(folder: Path) -> None:
    """Give every file the same mode and time wherever and whenever it was built."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (MODIFIED, MODIFIED))
    os.utime(folder, (MODIFIED, MODIFIED))


def check_deployment(folder: Path, declared: declaration.Declaration) -> None:
    """End if the checkout that the layer is built in has a deployment.yaml of another package or template.

    `sam build` runs this on a copy of the layer's sources, but writes the layer into a folder of the checkout.
    """
    root = next((each for each in folder.parents if (each / declaration.DEPLOYMENT).exists()), None)
    if root is not None and not declaration.is_current(root, declared):
        sys.exit(f"{declaration.DEPLOYMENT} is not made from {declared.package} as it is now: run `make package`.")


def sizes(folder: Path) -> str:
    """Return the folder's size as files and as an archive. Lambda limits the first to 250 MB."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in files:
            packed.write(path, path.relative_to(folder))
    unzipped = sum(path.stat().st_size for path in files)
    return f"{unzipped / 1e6:.1f} MB, {archive.tell() / 1e6:.1f} MB zipped"


def main() -> None:
    """Prune, strip, compile and normalise one folder, and print its sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the layer's python folder")
    parser.add_argument("--python", required=True, help="the version that the layer is for: 3.13")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    try:
        declared = declaration.chosen()
    except declaration.DeclarationError as error:
        sys.exit(str(error))
    check_deployment(folder, declared)
    for name in shipped.NOT_SHIPPED:
        remove(folder / declared.package / name)
    paths = left_out(declared.kept)
    prune(folder, declaration.aws_services(declared), paths)
    if found := [*shipped.missing_requirements(declared), *shipped.problems(folder, declared, paths)]:
        sys.exit("\n".join(found))
    for path in folder.rglob("*.so*"):
        strip(path)
    if not compile_bytecode(folder, arguments.python):
        print(
            f"No Python {arguments.python} on this machine: the layer goes without bytecode,"
            " and cold starts take longer.",
            file=sys.stderr,
        )
    normalise(folder)
    print(f"The layer: {sizes(folder)}")


if __name__ == "__main__":
    main()
