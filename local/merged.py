"""The platform's template with what an agents' package declares."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from local.own import parameter_name
from local.template import Node

if TYPE_CHECKING:
    from assistant.settings import Variable

# The functions that run agents and their jobs. Their roles get the package's policies.
RUN_AGENTS = ("ChatFunction", "StreamFunction", "JobFunction", "DurableJobFunction")
NESTED = "AgentsPackage"
GROUP = "Your agents"
# An output of this name is a policy for these functions.
POLICY = "PolicyArn"
# Lambda keeps these for itself.
RESERVED = ("AWS_", "LAMBDA_", "_")
SECRET_ARN = "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:${%s}-??????"  # noqa: S105 - a name


class Merged:
    """The platform's template with a package's declaration.

    Args:
        platform: The platform's template.
        package: The name of the package.
        factory: What `AGENT_FACTORY` is by default.

    Raises:
        DeclarationError: a name of the package is taken, or a parameter has another type than the platform's.
    """

    def __init__(self, platform: Node, package: str, factory: str) -> None:
        self.template: Node = copy.deepcopy(platform)
        self._package = package
        self._own: list[str] = []
        self._of_stack: set[str] = set()
        self._environment: Node = self.template["Globals"]["Function"]["Environment"]["Variables"]
        self.template["Parameters"]["AgentFactory"]["Default"] = factory

    def add_stack(self, stack: Node) -> None:
        """Add the package's own stack, the parameters that the platform does not give it, and its policies."""
        given: Node = {}
        for name, body in stack.get("Parameters", {}).items():
            if name == "Name":
                if body["Type"] != "String":
                    raise _other_type(self._package, name, body["Type"], "String")
                given[name] = {"Ref": "AWS::StackName"}
                continue
            # The functions get a key or an architecture by the same parameter.
            if name not in self.template["Parameters"]:
                self._add_parameter(name, body)
                self._of_stack.add(name)
            needed = self.template["Parameters"][name]["Type"]
            if body["Type"] != needed:
                raise _other_type(self._package, name, body["Type"], needed)
            is_list = needed == "CommaDelimitedList"
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

        name = parameter_of(variable)
        variable_ = f"{variable.name}_SECRET" if variable.kind is Secret else variable.name
        if variable_ in self._environment or variable_.startswith(RESERVED):
            raise _taken(self._package, variable.name)
        if name in outputs:
            self._environment[variable_] = {"Fn::GetAtt": [NESTED, f"Outputs.{name}"]}
            self._remember(f"{name}=${{{NESTED}.Outputs.{name}}}")
            return
        if name in self._of_stack:
            raise _twice(self._package, name, variable.name)
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


def parameter_of(variable: Variable) -> str:
    """Return the template's parameter of a variable. The output that sets the variable has this name too."""
    from assistant.settings import Secret

    return parameter_name(variable.name) + ("Secret" if variable.kind is Secret else "")


def unused_outputs(outputs: Node, variables: Sequence[Variable]) -> list[str]:
    """Return the outputs of a package's own stack that set no variable and are no policy."""
    used = {parameter_of(each) for each in variables}
    return [name for name in outputs if name not in used and not name.endswith(POLICY)]


def _twice(package: str, parameter: str, variable: str) -> Exception:
    from declaration import DeclarationError

    return DeclarationError(
        f"layers/agents/{package}: the parameter {parameter} of stack.yaml has the name that the variable {variable} of"
        f" settings.py needs. Rename one, or let an output {parameter} of stack.yaml set the variable."
    )


def _other_type(package: str, name: str, has: str, needed: str) -> Exception:
    from declaration import DeclarationError

    return DeclarationError(
        f"layers/agents/{package}/stack.yaml: the parameter {name} gets the value of the platform's parameter, so its"
        f" type must be {needed}, not {has}."
    )


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
        body["Default"] = default_text(variable.default)
    return body


def default_text(value: Any) -> Any:
    """Return the default of a variable as the template and `.env` write it."""
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
