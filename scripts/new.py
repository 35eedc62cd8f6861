"""`make new NAME=bookshop`: write an agents' package beside the sample, with its tests, and choose it.

The package is the one in `scripts/new_package`, under the new name. It runs as it is. Change what you like.
"""

from __future__ import annotations

import argparse
import importlib.util
import keyword
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from local.own import add_agents
from scripts.arguments import Parser, given

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "scripts" / "new_package"
# The name in the files of the template.
PLACEHOLDER = "new_package"
# Where each folder of the template goes.
PLACES = {
    "layer": Path("layers", "agents"),
    "unit": Path("tests", "unit"),
    "integration": Path("tests", "integration"),
    "evals": Path("tests", "evals"),
}
CHOICE = Path("layers", "agents", "agents.toml")
# Where modules lie that the functions, the commands and the tests import.
_PATHS = ("", "layers/agents", "functions/stream", "functions/chat", "tests/packages")
# The name begins variables and parameters, and ends the name of a stack.
MAX_CHARACTERS = 30
_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{MAX_CHARACTERS - 1}}}")
# Lambda keeps the variables that begin with these for itself.
_OF_LAMBDA = ("aws", "lambda")


def package_name(text: str) -> str:
    """Return an argument that can be the name of a package.

    Raises:
        argparse.ArgumentTypeError: it cannot, or something else has the name.
    """
    name = given(text)
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise argparse.ArgumentTypeError(
            f"it has 1 to {MAX_CHARACTERS} small letters, digits and underscores, begins with a letter and is no word "
            f"of Python's, such as bookshop, not {name!r}"
        )
    if name.partition("_")[0] in _OF_LAMBDA:
        raise argparse.ArgumentTypeError(f"{name!r} would begin the names of variables, and Lambda reserves those")
    for folder in folders(name):
        if (ROOT / folder).exists():
            raise argparse.ArgumentTypeError(f"{folder} is there already: choose another name or delete it")
    if _is_importable(name) or name.replace("_", "-") in _locked():
        raise argparse.ArgumentTypeError(f"another module or library here has the name {name!r}: choose another")
    return name


def folders(name: str) -> Iterator[Path]:
    """Yield the folders of a package, from the checkout's root."""
    yield from (place / name for place in PLACES.values())


def _is_importable(name: str) -> bool:
    """Return whether Python, a library, the platform or the checkout has a module of that name."""
    before = sys.path[:]
    sys.path[:0] = [str(ROOT / path) for path in _PATHS]
    try:
        return importlib.util.find_spec(name) is not None
    finally:
        sys.path[:] = before


def _locked() -> set[str]:
    """Return the names of the libraries in uv.lock, where each package of the layer has a name too."""
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    return {each["name"] for each in locked["package"]}


def write(name: str) -> list[Path]:
    """Write the package and its tests, and return the files."""
    written: list[Path] = []
    for part, place in PLACES.items():
        base = (TEMPLATE if part == "layer" else TEMPLATE / "tests") / part / PLACEHOLDER
        for source in sorted(base.rglob("*")):
            if source.suffix in (".py", ".toml"):
                target = ROOT / place / name / source.relative_to(base)
                target.parent.mkdir(parents=True, exist_ok=True)
                text = source.read_text(encoding="utf-8")
                text = text.replace(PLACEHOLDER.upper(), name.upper()).replace(PLACEHOLDER, name)
                target.write_text(text, encoding="utf-8")
                written.append(target)
    # A name of another length breaks lines elsewhere, and sorts among imports elsewhere.
    ruff = [sys.executable, "-m", "ruff"]
    places = [str(ROOT / folder) for folder in folders(name)]
    for arguments in (["check", "--quiet", "--select", "I", "--fix"], ["format", "--quiet"]):
        subprocess.run([*ruff, *arguments, *places], cwd=ROOT, check=True)  # noqa: S603 - ruff on folders of a checked name
    return written


def replaced(name: str) -> str | None:
    """Return the other package that agents.toml has named so far; None if it named none."""
    add_agents()
    from declaration import DeclarationError, chosen_package

    if not (ROOT / CHOICE).exists():
        return None
    try:
        before = chosen_package((ROOT / CHOICE).parent)
    except DeclarationError:
        return None
    return before if before != name else None


def main() -> None:
    """Write the package, and choose it."""
    parser = Parser(description=__doc__)
    parser.add_argument("--name", type=package_name, required=True)
    name: str = parser.parse_args().name
    for path in write(name):
        print(f"  {path.relative_to(ROOT)}")
    before = replaced(name)
    (ROOT / CHOICE).write_text(f'# The agents\' package that is built and run.\npackage = "{name}"\n', encoding="utf-8")
    print(f"{CHOICE} names {name} now{f', and no longer {before}' if before else ''}.")


if __name__ == "__main__":
    main()
