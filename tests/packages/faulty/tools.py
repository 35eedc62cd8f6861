"""Tools that fail."""

from __future__ import annotations

import os
import sys
from typing import Any

from agents import function_tool
from agents.tool_context import ToolContext
from chatkit.agents import ClientToolCall

from assistant.agent import assistant_tool


def count(context: ToolContext[Any], title: str) -> str:
    """Count the copies of a book."""
    copies = {"heron": 1}
    return str(copies[f"canary of {title}"])


def order(context: ToolContext[Any]) -> str:
    """Order a book, with a library that is not there."""
    import no_such_shop  # type: ignore[import-not-found]  # it is not there

    return str(no_such_shop)


def show(context: ToolContext[Any]) -> str:
    """Show a card."""
    from faulty.cards import card

    return str(card("canary of a card"))


def pay(context: ToolContext[Any]) -> str:
    """Fail with a key in the message."""
    raise PermissionError(f"the key {os.environ['SHOP_TOKEN']} and sk-canary-0123456789 are refused")


@function_tool
def find(context: ToolContext[Any]) -> str:
    """Fail in a tool of the SDK."""
    raise RuntimeError("canary of a stock tool")


@function_tool(failure_error_function=None)
def stop(context: ToolContext[Any]) -> str:
    """Fail in a tool of the SDK that ends the run."""
    raise RuntimeError("canary of a tool that ends the run")


def leave(context: ToolContext[Any]) -> str:
    """End the process, in a thread."""
    sys.exit("canary of an exit")


async def quit_now(context: ToolContext[Any]) -> str:
    """End the process, in the event loop."""
    raise SystemExit(3)


@function_tool
async def interrupt(context: ToolContext[Any]) -> str:
    """Interrupt the process in a tool of the SDK."""
    raise KeyboardInterrupt


@function_tool
async def interrupt_again(context: ToolContext[Any]) -> str:
    """Interrupt the process in a tool of another agent."""
    raise KeyboardInterrupt


@function_tool
def ask_page(context: ToolContext[Any]) -> str:
    """Ask the page with arguments that are not JSON."""
    context.context.client_tool_call = ClientToolCall(name="ask_page", arguments={"heron": object()})
    return "Asked."


@function_tool
async def together(context: ToolContext[Any]) -> str:
    """Fail with a group of errors."""
    raise ExceptionGroup("canary of a group", [KeyError("one"), OSError("two"), *[ValueError("more")] * 9])


PLAIN = (count, order, show, pay, leave, quit_now)
TOOLS = [*(assistant_tool(each) for each in PLAIN), find, stop, interrupt, ask_page, together]
