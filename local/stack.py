"""The table and the bucket of `template.yaml`, as one CloudFormation stack on the local AWS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.emulator import CREDENTIALS, REGION
from local.template import data_template, load_template

if TYPE_CHECKING:
    from collections.abc import Sequence

# The waiter's interval in seconds, and its number of attempts.
_WAIT = {"Delay": 1, "MaxAttempts": 60}


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
    from botocore.exceptions import ClientError

    cloudformation = client("cloudformation", endpoint_url)
    template = data_template(load_template())
    request = {
        "StackName": stack_name,
        "TemplateBody": json.dumps(template),
        "Parameters": [{"ParameterKey": "AllowedOrigins", "ParameterValue": ",".join(allowed_origins)}],
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
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    made = DataStack(table_name=outputs["Table"], bucket_name=outputs["Bucket"])
    _enable_expiry(endpoint_url, made.table_name, template["Resources"]["Table"]["Properties"])
    return made


def _enable_expiry(endpoint_url: str, table_name: str, properties: dict[str, Any]) -> None:
    """Set the table's time to live, because ministack 1.5.33 ignores this property of the template."""
    dynamodb = client("dynamodb", endpoint_url)
    current = dynamodb.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    if current["TimeToLiveStatus"] == "DISABLED":
        dynamodb.update_time_to_live(
            TableName=table_name, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
        )
