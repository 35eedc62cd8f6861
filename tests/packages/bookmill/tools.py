"""The shop's tools."""

import asyncio
from typing import Any

import boto3
from agents.tool_context import ToolContext
from sortedcontainers import SortedList  # type: ignore[import-untyped]  # it has no types

from assistant.agent import assistant_tool
from assistant.jobs import Job, start_job
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


async def order_later(context: ToolContext[Any], books: list[str]) -> str:
    """Order books when there is time."""
    await start_job("deliver", "Delivery", {"books": books}, context.context)
    return "ordered for later"


async def deliver(job: Job) -> str:
    """Order the books of a job, in the shop's own table."""
    own, named = read_variables(Variables), ",".join(SortedList(job.arguments["books"]))
    put = boto3.client("dynamodb").put_item
    await asyncio.to_thread(put, TableName=own.bookmill_orders, Item={"id": {"S": named}})
    return f"delivered {named}"


TOOLS = [assistant_tool(order), assistant_tool(announce), assistant_tool(order_later)]
