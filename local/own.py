"""What the agents' package brings to the functions on this machine: its factory, its tools, its own stack's outputs."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from local.settings import ROOT
from local.stack import deploy_own

if TYPE_CHECKING:
    from declaration import Declaration

AGENTS = ROOT / "layers" / "agents"


def add_agents() -> None:
    """Make the packages of the layer importable."""
    if str(AGENTS) not in sys.path:
        sys.path.insert(0, str(AGENTS))


def parameter_name(variable: str) -> str:
    """Return the template's parameter of an environment variable: `BookshopUrl` for `BOOKSHOP_URL`."""
    return "".join(word.capitalize() for word in variable.split("_"))


def variable_name(parameter: str) -> str:
    """Return the environment variable of a parameter: `BOOKSHOP_URL` for `BookshopUrl`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", parameter).upper()


def package_of(environment: Mapping[str, str]) -> Declaration | None:
    """Return the package that `AGENT_FACTORY` names, or the chosen one. None: the agents are none of the layer's.

    Raises:
        DeclarationError: its declaration is missing or wrong.
    """
    add_agents()
    from declaration import chosen, read

    named = environment.get("AGENT_FACTORY", "").partition(":")[0].partition(".")[0]
    if not named:
        return chosen()
    return read(named) if (AGENTS / named).is_dir() else None


def has_jobs(factory: str) -> bool:
    """Tell whether the module of `AGENT_FACTORY` names jobs. It is read and not imported, so that a change shows."""
    add_agents()
    try:
        spec = importlib.util.find_spec(factory.partition(":")[0])
        tree = ast.parse(Path(spec.origin).read_bytes()) if spec is not None and spec.origin else None
    except (ImportError, OSError, SyntaxError, ValueError):
        return False  # The functions say what is wrong with it.
    if tree is None:
        return False
    named: set[str] = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        named.update(each.id for each in targets if isinstance(each, ast.Name))
        if isinstance(node, ast.ImportFrom):
            named.update(alias.asname or alias.name for alias in node.names)
    return "JOBS" in named


def check_aws_services(package: Declaration) -> None:
    """Check that boto3 knows the AWS services that a package names.

    Raises:
        DeclarationError: it does not know one.
    """
    if not package.aws_services:
        return
    import botocore

    from declaration import DeclarationError

    # Not by botocore's loader, which may offer only the services of the layer.
    known = {path.parents[1].name for path in (Path(botocore.__file__).parent / "data").glob("*/*/service-2.json*")}
    for name in package.aws_services:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known))
            raise DeclarationError(
                f"layers/agents/{package.package}/pyproject.toml: boto3 has no AWS service {name!r} of aws_services."
                + (f" Near names: {', '.join(near)}." if near else "")
            )


def offer_aws_services(environment: Mapping[str, str]) -> None:
    """Let boto3 know only the AWS services of the layer, so that a missing one is missing here too."""
    package = package_of(environment)
    from botocore.loaders import Loader

    from declaration import aws_services

    offered, all_of = aws_services(package), Loader.list_available_services

    def list_available_services(self: Loader, type_name: str) -> list[str]:
        return [name for name in all_of(self, type_name) if name in offered]

    Loader.list_available_services = list_available_services  # type: ignore[method-assign]  # what the layer has


def own_variables(
    package: Declaration | None, endpoint_url: str, stack_name: str, given: Mapping[str, str]
) -> dict[str, str]:
    """Make the data of the package's own stack, and return the variables that the package brings.

    Args:
        package: The package.
        endpoint_url: Where the local AWS answers.
        stack_name: The name of the platform's stack.
        given: The environment, which may set the parameters of the package's stack by their variables' names.

    Raises:
        DeclarationError: the package's stack.yaml is no template, or boto3 does not know one of its AWS services.
        StackError: the stack cannot be made.
    """
    if package is None:
        return {}
    check_aws_services(package)
    values = {**{parameter_name(name): value for name, value in given.items() if value}, "Name": stack_name}
    # The resources of two packages do not replace each other.
    outputs = (
        deploy_own(endpoint_url, f"{stack_name}-{package.package}".replace("_", "-"), package.stack, values)
        if package.stack.is_file()
        else {}
    )
    return {
        "AGENT_FACTORY": package.factory,
        "ALLOWED_TOOLS": ",".join(package.playground_tools),
        **{variable_name(name): value for name, value in outputs.items()},
    }
