"""`make package`: make `deployment.yaml` from `template.yaml` and what the chosen agents' package declares.

The package's variables and the parameters of its own stack become parameters of the deployment. Its own stack becomes a
nested stack. The outputs of that stack become variables, and its policies join the roles of the functions that run
agents. Without any of these `deployment.yaml` is a link to `template.yaml`.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from local.own import add_agents, parameter_name
from local.settings import ROOT
from local.template import DEPLOYMENT, TEMPLATE, Node, load_template

if TYPE_CHECKING:
    from assistant.settings import Variable
    from declaration import Declaration

# The functions that run agents. Their roles get the package's policies.
RUN_AGENTS = ("ChatFunction", "StreamFunction")
NESTED = "AgentsPackage"
GROUP = "Your agents"
# An output of this name is a policy for the functions that run agents.
POLICY = "PolicyArn"
# Lambda keeps these for itself.
RESERVED = ("AWS_", "LAMBDA_", "_")
SECRET_ARN = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${%s}-??????"  # noqa: S105 - a name


class _Dumper(yaml.SafeDumper):
    """A YAML dumper that repeats a value that occurs twice, because CloudFormation reads no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class Merged:
    """The platform's template with a package's declaration.

    Args:
        platform: The platform's template.
        package: The name of the package.
        factory: What `AGENT_FACTORY` is by default.

    Raises:
        DeclarationError: a name of the package is one of the platform's.
    """

    def __init__(self, platform: Node, package: str, factory: str) -> None:
        self.template: Node = copy.deepcopy(platform)
        self._package = package
        self._own: list[str] = []
        self._environment: Node = self.template["Globals"]["Function"]["Environment"]["Variables"]
        self.template["Parameters"]["AgentFactory"]["Default"] = factory

    def add_stack(self, stack: Node) -> None:
        """Add the package's own stack, the parameters that the platform does not give it, and its policies."""
        given: Node = {}
        for name, body in stack.get("Parameters", {}).items():
            if name == "Name":
                given[name] = {"Ref": "AWS::StackName"}
                continue
            # The functions get a key or an architecture by the same parameter.
            if name not in self.template["Parameters"]:
                self._add_parameter(name, body)
            is_list = self.template["Parameters"][name]["Type"] == "CommaDelimitedList"
            given[name] = {"Fn::Join": [",", {"Ref": name}]} if is_list else {"Ref": name}
        self.template["Resources"][NESTED] = {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": f"layers/agents/{self._package}/stack.yaml", "Parameters": given},
        }
        for output in stack.get("Outputs", {}):
            if output.endswith(POLICY):
                for function in RUN_AGENTS:
                    policies = self.template["Resources"][function]["Properties"]["Policies"]
                    policies.append({"Fn::GetAtt": [NESTED, f"Outputs.{output}"]})

    def add_variable(self, variable: Variable, outputs: Node) -> None:
        """Add one of the package's variables: an output of its own stack, a secret's name, or a parameter."""
        from assistant.settings import Secret

        name = parameter_name(variable.name)
        if variable.kind is Secret:
            variable_, name = f"{variable.name}_SECRET", f"{name}Secret"
        else:
            variable_ = variable.name
        if variable_ in self._environment or variable_.startswith(RESERVED):
            raise _taken(self._package, variable.name)
        if name in outputs:
            self._environment[variable_] = {"Fn::GetAtt": [NESTED, f"Outputs.{name}"]}
            self._remember(f"{name}=${{{NESTED}.Outputs.{name}}}")
            return
        if name not in self._own:
            if name in self.template["Parameters"]:
                raise _taken(self._package, variable.name)
            self._add_parameter(name, _parameter(variable))
        self._environment[variable_] = {"Ref": name}
        if variable.kind is Secret:
            self._allow_secret(name)

    def finish(self) -> Node:
        """Return the template."""
        if self._own:
            groups = self.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
            groups.insert(0, {"Label": {"default": GROUP}, "Parameters": self._own})
        return self.template

    def _add_parameter(self, name: str, body: Node) -> None:
        self._own.append(name)
        self.template["Parameters"][name] = body
        if body["Type"] == "CommaDelimitedList":
            self._remember({"Fn::Join": ["", [f"{name}=", {"Fn::Join": [",", {"Ref": name}]}]]})
        else:
            self._remember(f"{name}=${{{name}}}")

    def _remember(self, line: str | Node) -> None:
        """Make a value part of the configuration, so that a change publishes the functions anew."""
        content = self.template["Resources"]["Configuration"]["Properties"]["Content"]["Fn::Join"][1]
        content.append({"Fn::Sub": line} if isinstance(line, str) else line)

    def _allow_secret(self, name: str) -> None:
        self.template["Conditions"][f"Has{name}"] = {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}
        statement = {
            "Sid": name,
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": {"Fn::Sub": SECRET_ARN % name},
        }
        statements = self.template["Resources"]["TurnPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        statements.append({"Fn::If": [f"Has{name}", statement, {"Ref": "AWS::NoValue"}]})


def _taken(package: str, name: str) -> Exception:
    from declaration import DeclarationError

    other = f"{package.upper()}_{name}"
    return DeclarationError(f"layers/agents/{package}/settings.py: {name} is taken. Name it {other}, for example.")


def _parameter(variable: Variable) -> Node:
    """Return the template's parameter of a variable."""
    from assistant.settings import Secret

    body: Node = {"Type": "String", "Description": variable.description}
    if variable.kind is Secret:
        body["Description"] = f"The name of the Secrets Manager secret. {variable.description}"
        return body | ({"AllowedPattern": ".+"} if variable.needed else {"Default": ""})
    if variable.kind is bool:
        body["AllowedValues"] = ["true", "false"]
    elif variable.choices:
        body["AllowedValues"] = list(variable.choices)
    elif variable.kind in (int, float):
        body["Type"] = "Number"
    elif variable.needed:
        body["AllowedPattern"] = ".+"
    if not variable.needed:
        body["Default"] = _default(variable.default)
    return body


def _default(value: Any) -> Any:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return value
        case None:
            return ""
        case tuple():
            return ",".join(value)
    return str(value)


def own_variables_of(declared: Declaration) -> list[Variable]:
    """Return the variables of a package; none if it has no module for them.

    Raises:
        ConfigurationError: they cannot be read.
    """
    from assistant.settings import find_variables, variables_of

    cls = find_variables(declared.factory) if declared.variables.is_file() else None
    return [] if cls is None else variables_of(cls)


def own_stack_of(declared: Declaration) -> Node:
    """Return the template of the package's own stack; empty if it has none."""
    return load_template(declared.stack) if declared.stack.is_file() else {}


def deployment() -> str | None:
    """Return what deployment.yaml is to hold, or None if it is the platform's template as it stands.

    Raises:
        DeclarationError: the declaration is missing or wrong.
        ConfigurationError: the package's variables cannot be read.
    """
    add_agents()
    from declaration import chosen, digest

    declared = chosen()
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
        default = "" if each.needed or not each.default else _default(each.default)
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

    if variables := own_variables_of(declared := chosen()):
        sample = sample_environment(variables, own_stack_of(declared).get("Outputs", {}))
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
