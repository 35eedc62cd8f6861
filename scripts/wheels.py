"""`make wheels`: build the platform and the streaming runtime as wheels, for a project that has only a template.

The wheels are in .build/wheels. They are not published: put them where your project's installer finds them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".build" / "wheels"
UV = ROOT / ".venv" / "bin" / "uv"
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Wheel:
    """One wheel.

    Attributes:
        name: The distribution's name.
        module: The folder of its package, from the root.
        description: What it is.
        dependencies: What it needs.
        extra: A file beside the package that belongs into it.
    """

    name: str
    module: Path
    description: str
    dependencies: tuple[str, ...] = ()
    extra: Path | None = None


def wheels() -> tuple[Wheel, ...]:
    """Return the wheels of this checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return (
        Wheel(project["name"], Path("layers/agents/assistant"), project["description"], tuple(project["dependencies"])),
        Wheel(
            "lambda-stream",
            Path("functions/stream/lambda_stream"),
            "Response streaming for ASGI apps on AWS Lambda's managed Python runtime",
            extra=Path("functions/stream/stream-runtime"),
        ),
    )


def build(wheel: Wheel, out: Path) -> Path:
    """Build a wheel into a folder, and return its file."""
    stage = out / "stage" / wheel.name
    shutil.rmtree(stage, ignore_errors=True)
    package = stage / wheel.module.name
    shutil.copytree(ROOT / wheel.module, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "py.typed").touch()
    if wheel.extra is not None:
        shutil.copy2(ROOT / wheel.extra, package)
    found = _VERSION.search((package / "__init__.py").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{wheel.module}/__init__.py has no __version__.")
    (stage / "pyproject.toml").write_text(_pyproject(wheel, found[1]), encoding="utf-8")
    shutil.copy2(ROOT / "LICENSE", stage)
    command = [str(UV), "build", "--quiet", "--wheel", "--python", sys.executable, "--out-dir", str(out), str(stage)]
    subprocess.run(command, check=True)  # noqa: S603 - of this checkout
    return next(out.glob(f"{wheel.name.replace('-', '_')}-{found[1]}-*.whl"))


def _pyproject(wheel: Wheel, version: str) -> str:
    uv = subprocess.run([str(UV), "--version"], capture_output=True, text=True, check=True).stdout.split()[1]  # noqa: S603
    listed = "".join(f'    "{each}",\n' for each in wheel.dependencies)
    return f"""\
[project]
name = "{wheel.name}"
version = "{version}"
description = "{wheel.description}"
license = "MIT"
license-files = ["LICENSE"]
requires-python = ">=3.11"
dependencies = [
{listed}]

[build-system]
requires = ["uv_build=={uv}"]
build-backend = "uv_build"

[tool.uv.build-backend]
module-root = ""
module-name = "{wheel.module.name}"
"""


def main() -> None:
    """Build all wheels."""
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.glob("*.whl"):
        old.unlink()
    for wheel in wheels():
        print(build(wheel, OUT).relative_to(ROOT))


if __name__ == "__main__":
    main()
