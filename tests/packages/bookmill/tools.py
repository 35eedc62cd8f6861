"""The shop's tools."""

from typing import Any

import boto3
from agents.tool_context import ToolContext
from sortedcontainers import SortedList  # type: ignore[import-untyped]  # it has no types

from assistant.agent import assistant_tool
from assistant.settings import read_variables
from bookmill.settings import Variables


def order(context: ToolContext[Any], books: list[str]) -> str:
    """Order books."""
    own = read_variables(Variables)
    if len(books) > own.bookmill_most:
        return f"at most {own.bookmill_most}"
    named = ",".join(SortedList(books))
    boto3.client("dynamodb").put_item(TableName=own.bookmill_orders, Item={"id": {"S": named}})
    boto3.client("sqs").send_message(QueueUrl=own.bookmill_queue, MessageBody=named)
    return f"ordered {named} with a key of {len(own.bookmill_key.read())} characters"


def announce(context: ToolContext[Any]) -> str:
    """Tell the town, with a service that the package does not declare."""
    boto3.client("sns").publish(TopicArn="town", Message="books")
    return "told"


TOOLS = [assistant_tool(order), assistant_tool(announce)]
