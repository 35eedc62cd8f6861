"""`make package`: make `deployment.yaml` from `template.yaml` and what the chosen agents' package declares.

The package's variables and the parameters of its own stack become parameters of the deployment. Its own stack becomes a
nested stack. The outputs of that stack become variables, and its policies join the roles of the functions that run
agents. Without any of these `deployment.yaml` is a link to `template.yaml`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.merged import Merged, default_text, unused_outputs
from local.own import add_agents, check_aws_services, parameter_name
from local.own_stack import read_own_stack
from local.settings import ROOT
from local.template import DEPLOYMENT, TEMPLATE, Node, load_template

if TYPE_CHECKING:
    from assistant.settings import Variable
    from declaration import Declaration


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that repeats a value that occurs twice, because CloudFormation reads no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def own_variables_of(declared: Declaration) -> list[Variable]:
    """Return the variables of a package; none if it has no module for them.

    Raises:
        ConfigurationError: they cannot be read.
    """
    from assistant.settings import find_variables, variables_of

    cls = find_variables(declared.factory) if declared.variables.is_file() else None
    return [] if cls is None else variables_of(cls)


def own_stack_of(declared: Declaration) -> Node:
    """Return the template of the package's own stack; empty if it has none.

    Raises:
        DeclarationError: it is no template.
    """
    return read_own_stack(declared.stack) if declared.stack.is_file() else {}


def deployment() -> str | None:
    """Return what deployment.yaml is to hold, or None if it is the platform's template as it stands.

    Raises:
        DeclarationError: the declaration is missing or wrong.
        ConfigurationError: the package's variables cannot be read.
    """
    add_agents()
    from declaration import chosen, digest

    declared = chosen()
    check_aws_services(declared)
    platform = load_template()
    merged = Merged(platform, declared.package, declared.factory)
    stack = own_stack_of(declared)
    if stack:
        merged.add_stack(stack)
    for variable in own_variables_of(declared):
        merged.add_variable(variable, stack.get("Outputs", {}))
    template = merged.finish()
    if template == platform:
        return None
    head = (
        f"# Made by `make package` from template.yaml and layers/agents/{declared.package} ({digest(ROOT, declared)})."
    )
    body = yaml.dump(template, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)
    return f"{head}\n# Change those, and run it again.\n{body}"


def sample_environment(variables: Sequence[Variable], outputs: Node) -> str:
    """Return the text of a `.env` with the package's variables.

    Args:
        variables: The variables.
        outputs: The outputs of the package's own stack, which set some of them.
    """
    lines = ["# The variables of this package, for .env. `make package` makes this file from settings.py."]
    for each in variables:
        made = parameter_name(each.name) in outputs
        needed = each.needed and not made
        default = "" if each.needed or not each.default else default_text(each.default)
        words = ["stack.yaml sets it." if made else "Needed." if needed else "", each.description]
        lines.append(f"{'' if needed else '# '}{each.name}={default}  # {' '.join(filter(None, words))}")
    return "\n".join(lines) + "\n"


def write(path: Path = DEPLOYMENT) -> None:
    """Write deployment.yaml, and the package's sample of `.env` if it has variables."""
    made = deployment()
    path.unlink(missing_ok=True)
    if made is None:
        path.symlink_to(TEMPLATE.name)
    else:
        path.write_text(made, encoding="utf-8")
    from declaration import chosen

    declared = chosen()
    variables, outputs = own_variables_of(declared), own_stack_of(declared).get("Outputs", {})
    for name in unused_outputs(outputs, variables):
        print(f"{declared.package}/stack.yaml: the output {name} sets no variable and is no policy.")
    if variables:
        sample = sample_environment(variables, outputs)
        (declared.folder / ".env.example").write_text(sample, encoding="utf-8")


def main() -> int:
    """Write deployment.yaml, or with `--check` say whether it is what would be written. Return the exit code."""
    add_agents()
    from assistant.errors import ConfigurationError
    from declaration import DeclarationError, chosen, is_current

    try:
        if "--check" in sys.argv:
            declared = chosen()
            if not is_current(ROOT, declared):
                print(f"{DEPLOYMENT.name} is not made from {declared.package} as it is now: run `make package`.")
                return 1
        else:
            write()
    except (DeclarationError, ConfigurationError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
