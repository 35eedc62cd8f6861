"""Whose table and bucket an operator's script works on: a stack's, or those that the environment names."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.arguments import given

if TYPE_CHECKING:
    from assistant.context import Resources

LAYER = Path(__file__).resolve().parent.parent / "layers" / "agents"


def add_target(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the stack."""
    parser.add_argument(
        "--stack", default="", help="the CloudFormation stack; without it TABLE_NAME and BUCKET_NAME of the environment"
    )


def add_layer() -> None:
    """Let this process import the layer's packages."""
    if str(LAYER) not in sys.path:
        sys.path.insert(0, str(LAYER))
    # The rows of the audit trail are enough: an operator reads the command's own output.
    os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "WARNING")


def open_target(arguments: argparse.Namespace) -> Resources:
    """Return the table and the bucket that the arguments name, with the credentials of the environment.

    Raises:
        SystemExit: there is no such stack, or nothing is named.
    """
    add_layer()
    from assistant.context import Resources
    from assistant.settings import KnowledgeSettings, Settings
    from declaration import chosen

    names = _of_stack(arguments.stack) if arguments.stack else dict(os.environ)
    if not names.get("TABLE_NAME") or not names.get("BUCKET_NAME"):
        if arguments.stack:
            raise SystemExit(f"The stack {arguments.stack} is none of this template: it names no table and bucket.")
        raise SystemExit("Name the stack (STACK=…), or set TABLE_NAME and BUCKET_NAME.")
    factory = os.environ.get("AGENT_FACTORY") or chosen().factory
    return Resources(
        Settings(
            table_name=names["TABLE_NAME"],
            bucket_name=names["BUCKET_NAME"],
            agent_factory=factory,
            user_hash_salt=names.get("USER_HASH_SALT", ""),
            retention_days=int(names.get("RETENTION_DAYS") or 0) or None,
            # An erasure removes passages too.
            knowledge=KnowledgeSettings(
                store=names.get("KNOWLEDGE", ""),
                table_name=names.get("KNOWLEDGE_TABLE_NAME", ""),
                ingest_function=names.get("INGEST_FUNCTION", ""),
            ),
        )
    )


def _of_stack(stack: str) -> dict[str, str]:
    import boto3
    from botocore.exceptions import ClientError

    try:
        [described] = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        raise SystemExit(f"The stack {stack} cannot be read: {error}") from None
    outputs = {each["OutputKey"]: each["OutputValue"] for each in described.get("Outputs", [])}
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in described.get("Parameters", [])}
    return {
        "RETENTION_DAYS": parameters.get("RetentionDays", ""),
        "TABLE_NAME": outputs.get("TableName", ""),
        "BUCKET_NAME": outputs.get("BucketName", ""),
        "KNOWLEDGE": parameters.get("Knowledge", ""),
        "KNOWLEDGE_TABLE_NAME": outputs.get("KnowledgeTableName", ""),
        "INGEST_FUNCTION": outputs.get("IngestFunctionName", ""),
        # As in the template.
        "USER_HASH_SALT": described["StackId"],
    }


def add_user(parser: argparse.ArgumentParser, user: Callable[[str], str] = given) -> None:
    """Add the options that name a user.

    Args:
        parser: The script's parser.
        user: Returns the user's id as it is, or raises an error that says what to give.
    """
    parser.add_argument("--tenant", type=given, required=True)
    parser.add_argument("--user", type=user, required=True)
