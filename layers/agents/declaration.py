"""What the agents' package declares in its `pyproject.toml`, and which package that is.

`agents.toml` beside this file names the package. The makefiles, the dev server and the scripts read it here. It needs
only the standard library, because `sam build` runs it with any Python 3.11+:

    python declaration.py package
"""

from __future__ import annotations

import hashlib
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
CHOICE = "agents.toml"
# The package of a checkout that has made no choice.
SAMPLE = "helpdesk"
# The folder of the platform, which is no agents' package.
PLATFORM = "assistant"
# What `sam` builds and deploys: the platform's template, with what the package declares.
DEPLOYMENT = "deployment.yaml"
TEMPLATE = "template.yaml"
CONTENTS = "contents.toml"
REQUIREMENTS = "requirements.txt"


class DeclarationError(ValueError):
    """A declaration is missing or wrong. The message names the file and what to change."""


@dataclass(frozen=True)
class Declaration:
    """One agents' package.

    Attributes:
        package: The name of its folder, and of its module.
        folder: The folder.
        factory: What `AGENT_FACTORY` is by default.
        aws_services: The AWS services that it calls, besides the platform's. The names are boto3's.
        kept: What contents.toml leaves out of the layer, and the package needs.
        playground_tools: The tools that the page of `make dev` offers in its menu.
        libraries: Its requirements, as it states them.
    """

    package: str
    folder: Path
    factory: str
    aws_services: tuple[str, ...]
    kept: tuple[str, ...]
    playground_tools: tuple[str, ...]
    libraries: tuple[str, ...]

    @property
    def file(self) -> Path:
        """The file that declares it."""
        return self.folder / "pyproject.toml"

    @property
    def stack(self) -> Path:
        """The CloudFormation template of its own resources. It may be missing."""
        return self.folder / "stack.yaml"

    @property
    def variables(self) -> Path:
        """The module with its own settings. It may be missing."""
        return self.folder / "settings.py"

    @property
    def requirements(self) -> Path:
        """Its libraries with hashes, exported from uv.lock."""
        return self.folder / REQUIREMENTS


def chosen_package(agents: Path = FOLDER) -> str:
    """Return the name of the package that is built and run.

    Raises:
        DeclarationError: agents.toml names none.
    """
    choice = agents / CHOICE
    name = _load(choice).get("package") if choice.exists() else SAMPLE
    if not isinstance(name, str) or not name.isidentifier():
        raise DeclarationError(f'{CHOICE} must have a line such as package = "bookshop".')
    return name


def chosen(agents: Path = FOLDER) -> Declaration:
    """Return the declaration of the package that is built and run.

    Raises:
        DeclarationError: it is missing or wrong.
    """
    return read(chosen_package(agents), agents)


def read(package: str, agents: Path = FOLDER) -> Declaration:
    """Return the declaration of a package.

    Raises:
        DeclarationError: it is missing or wrong.
    """
    folder = agents / package
    where = f"layers/agents/{package}/pyproject.toml"
    if not (folder / "pyproject.toml").is_file():
        raise DeclarationError(f"The package {package} has no file {where}.")
    project = _load(folder / "pyproject.toml")
    if str(project.get("project", {}).get("name")).replace("-", "_") != package:
        raise DeclarationError(f'{where}: the name of the [project] must be "{package}".')
    own = project.get("tool", {}).get("chatkit", {})
    if unknown := own.keys() - {"factory", "aws_services", "kept", "playground_tools"}:
        raise DeclarationError(f"{where}: [tool.chatkit] has no setting {', '.join(sorted(unknown))}.")
    factory = own.get("factory", f"{package}:build_agent")
    module, _, function = factory.partition(":") if isinstance(factory, str) else ("", "", "")
    if module.partition(".")[0] != package or not function.isidentifier():
        raise DeclarationError(f'{where}: factory must be like "{package}:build_agent", not {factory!r}.')
    return Declaration(
        package=package,
        folder=folder,
        factory=factory,
        aws_services=_names(own, "aws_services", where),
        kept=_names(own, "kept", where),
        playground_tools=_names(own, "playground_tools", where),
        libraries=_names(project.get("project", {}), "dependencies", where),
    )


def check_folders(agents: Path = FOLDER) -> None:
    """Check that each folder with modules declares a package. uv refuses all packages if one does not.

    Raises:
        DeclarationError: one has no pyproject.toml.
    """
    for name in sorted({path.parent.name for path in agents.glob("[!.]*/*.py")} - {PLATFORM}):
        if not (agents / name / "pyproject.toml").is_file():
            raise DeclarationError(
                f"layers/agents/{name} has no pyproject.toml. Write one as docs/extending.md shows, with"
                f' name = "{name}" in its [project], or move the folder.'
            )


def aws_services(declared: Declaration | None) -> set[str]:
    """Return the AWS services that boto3 has in the layer: the platform's and the package's."""
    return {*_load(FOLDER / CONTENTS)["aws_services"], *(declared.aws_services if declared else ())}


def digest(root: Path, declared: Declaration) -> str:
    """Return a hash of all that deployment.yaml is made from.

    Args:
        root: The checkout.
        declared: The chosen package.
    """
    made = hashlib.sha256(declared.package.encode())
    for path in (root / TEMPLATE, declared.file, declared.variables, declared.stack):
        made.update(path.read_bytes() if path.is_file() else b"")
    return made.hexdigest()[:16]


def is_current(root: Path, declared: Declaration) -> bool:
    """Tell whether deployment.yaml of a checkout is made from its template and its chosen package."""
    made = (root / DEPLOYMENT).read_bytes()
    if made == (root / TEMPLATE).read_bytes():
        return declared.package == SAMPLE
    return digest(root, declared).encode() in made.partition(b"\n")[0]


def _names(table: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    names = table.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DeclarationError(f"{where}: {key} must be a list of strings.")
    return tuple(names)


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{path.name} of {path.parent.name} is no TOML: {error}") from None


def main() -> None:
    """Print one fact of the chosen package: `package`, `factory` or `requirements`. `check` prints what is wrong."""
    try:
        made = chosen()
        if sys.argv[1:] == ["check"]:
            check_folders()
            return
    except DeclarationError as error:
        sys.exit(str(error))
    match sys.argv[1:]:
        case ["package"]:
            print(made.package)
        case ["factory"]:
            print(made.factory)
        case ["requirements"]:
            # For `uv pip install`: the platform's libraries, and the package's if it has any.
            files = [FOLDER / REQUIREMENTS, *([made.requirements] if made.libraries else [])]
            print(*(f"-r {path.relative_to(FOLDER)}" for path in files))
        case _:
            sys.exit(f"{Path(__file__).name} package|factory|requirements|check")


if __name__ == "__main__":
    main()
