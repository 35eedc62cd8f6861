"""The steps of a workflow that waits for approval, as they are stored.

A Python function cannot be stored in the middle. So a workflow that waits is run again from its start when the user
has answered. The steps of the journal are not made again: a run of an agent returns its stored result, and an approval
returns the user's decision. Everything else in the function is executed again.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field


class Run(BaseModel):
    """A complete run of an agent.

    Attributes:
        agent: The agent that the run started with.
        last_agent: The agent that gave the output.
        items: The items of the run, as model input.
        output: The output, as JSON.
    """

    kind: Literal["run"] = "run"
    agent: str
    last_agent: str
    items: list[Any]
    output: str


class Approval(BaseModel):
    """A question to the user with its answer."""

    kind: Literal["approval"] = "approval"
    message: str
    approved: bool


class OpenRun(BaseModel):
    """A run that has stopped because a tool needs approval.

    Attributes:
        agent: The agent that the run started with.
        state: The agents SDK's state of the run.
    """

    agent: str
    state: dict[str, Any]


class Journal(BaseModel):
    """What a workflow has done in its turn.

    Attributes:
        workflow: The module of the workflow.
        text: The user's message, as the workflow got it.
        message_id: The item of the message.
        state: The thread's state at the start of the workflow.
        steps: The steps in their order.
        question: The question that waits for an answer.
        open_run: The run that waits for an answer.
    """

    workflow: str
    text: str
    message_id: str | None
    state: dict[str, Any] | None = None
    steps: list[Annotated[Run | Approval, Field(discriminator="kind")]] = []
    question: str | None = None
    open_run: OpenRun | None = None
