"""The table and the bucket of `template.yaml`, and a package's own stack, as CloudFormation stacks on the local AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.emulator import CREDENTIALS, REGION
from local.own_stack import read_own_stack
from local.template import Node, data_template, knowledge_table, load_template, own_template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

# The waiter's interval in seconds, and its number of attempts.
_WAIT = {"Delay": 1, "MaxAttempts": 60}


class StackError(RuntimeError):
    """A package's own stack cannot be made. The message says why."""


@dataclass(frozen=True)
class DataStack:
    """The names of the stack's resources."""

    table_name: str
    bucket_name: str


def client(service: str, endpoint_url: str) -> Any:
    """Return a boto3 client for the local AWS, independent of the user's AWS settings."""
    import boto3

    session = boto3.session.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    return session.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]  # the stubs know each service by its own literal


def deploy(endpoint_url: str, stack_name: str, allowed_origins: Sequence[str] = ()) -> DataStack:
    """Create or update the stack from the template.

    Args:
        endpoint_url: Where the local AWS answers.
        stack_name: The stack's name, which its resources' names begin with.
        allowed_origins: The pages that may upload to the bucket.

    Raises:
        botocore.exceptions.WaiterError: the stack was rolled back.
    """
    template = data_template(load_template())
    outputs = _apply(endpoint_url, stack_name, template, {"AllowedOrigins": ",".join(allowed_origins)})
    made = DataStack(table_name=outputs["Table"], bucket_name=outputs["Bucket"])
    _enable_expiry(endpoint_url, made.table_name, template["Resources"]["Table"]["Properties"])
    return made


def deploy_knowledge(endpoint_url: str, table_name: str, dimensions: int) -> None:
    """Create the table of passages from the template's own properties, if it does not exist.

    Raises:
        StackError: the table exists with vectors of another length.
    """
    properties = knowledge_table(load_template(), dimensions)
    expiry = properties.pop("TimeToLiveSpecification")
    dynamodb = client("dynamodb", endpoint_url)
    try:
        dynamodb.create_table(TableName=table_name, **properties)
    except dynamodb.exceptions.ResourceInUseException:
        found = dynamodb.describe_table(TableName=table_name)["Table"].get("VectorIndexes", [])
        if [each["IndexName"] for each in found] != [each["IndexName"] for each in properties["VectorIndexes"]]:
            raise StackError(
                f"The table {table_name} has vectors of another length. Set EMBEDDING_DIMENSIONS as before, or remove "
                "the folder of STATE_DIR."
            ) from None
        return
    dynamodb.update_time_to_live(TableName=table_name, TimeToLiveSpecification=expiry)


def deploy_own(endpoint_url: str, stack_name: str, path: Path, values: Mapping[str, str]) -> dict[str, str]:
    """Create or update the data of a package's own stack. Return its outputs.

    Args:
        endpoint_url: Where the local AWS answers.
        stack_name: The stack's name.
        path: The package's stack.yaml.
        values: The values of its parameters, for those that have one.

    Raises:
        DeclarationError: stack.yaml is no template.
        StackError: the stack was rolled back, or a parameter has no value.
    """
    from botocore.exceptions import ClientError, WaiterError

    template = own_template(read_own_stack(path))
    if not template["Resources"]:
        return {}
    known = {name: values[name] for name in template.get("Parameters", {}) if name in values}
    try:
        outputs = _apply(endpoint_url, stack_name, template, known)
    except (ClientError, WaiterError) as error:
        raise StackError(f"{path.parent.name}/{path.name} cannot be made on the local AWS: {error}") from error
    for resource in client("cloudformation", endpoint_url).describe_stack_resources(StackName=stack_name)[
        "StackResources"
    ]:
        properties = template["Resources"][resource["LogicalResourceId"]].get("Properties", {})
        if resource["ResourceType"] == "AWS::DynamoDB::Table" and "TimeToLiveSpecification" in properties:
            _enable_expiry(endpoint_url, resource["PhysicalResourceId"], properties)
    return outputs


def _apply(endpoint_url: str, stack_name: str, template: Node, values: Mapping[str, str]) -> dict[str, str]:
    """Create or update a stack, and return its outputs."""
    from botocore.exceptions import ClientError

    cloudformation = client("cloudformation", endpoint_url)
    request = {
        "StackName": stack_name,
        "TemplateBody": json.dumps(template),
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
    }
    try:
        cloudformation.create_stack(**request)
        waiter = "stack_create_complete"
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**request)
            waiter = "stack_update_complete"
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
            waiter = "stack_exists"
    cloudformation.get_waiter(waiter).wait(StackName=stack_name, WaiterConfig=_WAIT)
    [stack] = cloudformation.describe_stacks(StackName=stack_name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _enable_expiry(endpoint_url: str, table_name: str, properties: dict[str, Any]) -> None:
    """Set the table's time to live, because ministack 1.5.33 ignores this property of the template."""
    dynamodb = client("dynamodb", endpoint_url)
    current = dynamodb.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    if current["TimeToLiveStatus"] == "DISABLED":
        dynamodb.update_time_to_live(
            TableName=table_name, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
        )
