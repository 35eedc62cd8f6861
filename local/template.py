"""Read templates, and extract the resources for the local AWS: the table and the bucket, or a package's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

ROOT = Path(__file__).resolve().parent.parent
# The platform's. No package changes it.
TEMPLATE = ROOT / "template.yaml"
# What `sam` builds and deploys. `make package` makes it (`local/package.py`).
DEPLOYMENT = ROOT / "deployment.yaml"
DATA_TYPES = ("AWS::DynamoDB::", "AWS::S3::")
# The local AWS makes these of a package's own stack. It enforces no rights, so it needs no policies.
OWN_TYPES = tuple(f"AWS::{name}::" for name in ("DynamoDB", "S3", "SQS", "SNS", "SSM", "SecretsManager", "KMS"))
# The table of passages, which the local AWS gets by a call of its own.
KNOWLEDGE_TABLE = "KnowledgeTable"
# YAML's `<<`, which may repeat.
MERGE = "tag:yaml.org,2002:merge"
# CloudFormation's macros among the resources, such as `Fn::ForEach::Queues`, are no resources.
MACRO = "Fn::"

Node = dict[str, Any]


class _Loader(yaml.SafeLoader):
    """A YAML loader that expands CloudFormation's short forms, and refuses a key that is there twice."""

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                if key.value in seen:
                    raise ConstructorError(None, None, f"the key {key.value} is there twice", key.start_mark)
                seen.add(key.value)
        return node


def _intrinsic(loader: _Loader, suffix: str, node: yaml.Node) -> Node:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - the three kinds that YAML has
        value = loader.construct_mapping(node, deep=True)
    if suffix in ("Ref", "Condition"):
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def load_template(path: Path = TEMPLATE) -> Node:
    """Return the template with all short forms (`!Ref X`) expanded (`{"Ref": "X"}`)."""
    with path.open() as file:
        template: Node = yaml.load(file, Loader=_Loader)  # noqa: S506 - a SafeLoader
    return template


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from _nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from _nodes(child)


def _references(value: object, names: Node) -> set[str]:
    """Return the `names` that the value refers to by Ref, Condition, Fn::If, Fn::GetAtt or a `${…}` of Fn::Sub."""
    found: set[str] = set()
    for node in _nodes(value):
        found.update(name for key in ("Ref", "Condition") if isinstance(name := node.get(key), str))
        if "Fn::If" in node:
            found.add(node["Fn::If"][0])
        if "Fn::GetAtt" in node:
            found.add(node["Fn::GetAtt"][0])
        if "Fn::Sub" in node:
            text = node["Fn::Sub"]
            found.update(re.findall(r"\$\{(\w+)", text if isinstance(text, str) else text[0]))
    return found & names.keys()


def data_template(template: Node) -> Node:
    """Return a template of the DynamoDB and S3 resources alone, with the parameters and conditions they use.

    The table of passages is not part of it: ministack 1.5.33 makes no index of vectors from a template. See
    `knowledge_table`.

    Each resource's `Ref` is added as an output of the same name.
    """
    resources = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"].startswith(DATA_TYPES) and name != KNOWLEDGE_TABLE
    }
    all_conditions: Node = template.get("Conditions", {})
    conditions: Node = {}
    wanted = _references(resources, all_conditions)
    while wanted:
        conditions |= {name: all_conditions[name] for name in wanted}
        wanted = _references(conditions, all_conditions) - conditions.keys()
    all_parameters: Node = template.get("Parameters", {})
    used = _references([resources, conditions], all_parameters)
    return {
        "AWSTemplateFormatVersion": template["AWSTemplateFormatVersion"],
        "Parameters": {name: all_parameters[name] for name in all_parameters if name in used},
        "Conditions": conditions,
        "Resources": resources,
        "Outputs": {
            name: {"Value": {"Ref": name}}
            for name, resource in resources.items()
            if resource["Type"] in ("AWS::DynamoDB::Table", "AWS::S3::Bucket")
        },
    }


def knowledge_table(template: Node, dimensions: int) -> Node:
    """Return the properties of the table of passages, as DynamoDB's CreateTable and UpdateTimeToLive take them.

    Args:
        template: The template.
        dimensions: The value of the parameter `EmbeddingDimensions`.
    """
    properties = _filled(template["Resources"][KNOWLEDGE_TABLE]["Properties"], {"EmbeddingDimensions": dimensions})
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "VectorIndexes", "TimeToLiveSpecification")
    return {name: properties[name] for name in wanted}


def _filled(value: Any, parameters: dict[str, int]) -> Any:
    """Return a part of a template with the values of parameters. Anything else that refers stays as it is."""
    match value:
        case {"Ref": str(name)} if name in parameters:
            return parameters[name]
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{(\w+)\}", lambda found: str(parameters.get(found[1], found[0])), text)
        case dict():
            return {name: _filled(each, parameters) for name, each in value.items()}
        case list():
            return [_filled(each, parameters) for each in value]
        case _:
            return value


def own_template(template: Node) -> Node:
    """Return the part of a package's own stack that the local AWS makes: its data, and the outputs that name it."""
    all_resources: Node = template.get("Resources", {})
    resources = {
        name: body
        for name, body in all_resources.items()
        if not name.startswith(MACRO) and body["Type"].startswith(OWN_TYPES)
    }
    # What refers to a resource that is not made cannot be made either.
    while lacking := {name for name, body in resources.items() if _references(body, all_resources) - resources.keys()}:
        resources = {name: body for name, body in resources.items() if name not in lacking}
    outputs = {
        name: body
        for name, body in template.get("Outputs", {}).items()
        if _references(body, all_resources) <= resources.keys()
    }
    return {**template, "Resources": resources, "Outputs": outputs}
