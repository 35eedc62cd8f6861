"""The names of an export that the platform replaces in the export's module, and nowhere else.

The export's `Runner.run` becomes a step of the turn. Nothing of the agents SDK is changed.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import agents
from agents import Agent, RunConfig, RunHooks, TResponseInputItem

from assistant.errors import ConfigurationError
from assistant.workflows.active import active

# Agent Builder numbers the functions of a workflow with several approvals.
_APPROVAL = re.compile(r"approval_request\d*")


class Runner(agents.Runner):
    """The SDK's `Runner` for an export: each run streams into the chat, with the platform's models and limits."""

    @classmethod
    async def run(  # type: ignore[override]  # the SDK's sessions and stored conversations have no place in a thread
        cls,
        starting_agent: Agent[Any],
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        *,
        context: Any = None,
        max_turns: int | None = None,
        hooks: RunHooks[Any] | None = None,
        run_config: RunConfig | None = None,
    ) -> Any:
        """Run an agent as a step of the turn."""
        return await active().run(
            starting_agent, input, context=context, max_turns=max_turns, hooks=hooks, config=run_config
        )

    @classmethod
    def run_sync(cls, *_: Any, **__: Any) -> Any:
        """Refuse: it would block the event loop and call the provider past the platform."""
        raise ConfigurationError("A workflow cannot use Runner.run_sync: use `await Runner.run(...)`.")

    @classmethod
    def run_streamed(cls, *_: Any, **__: Any) -> Any:
        """Refuse: `run` streams already."""
        raise ConfigurationError("A workflow cannot use Runner.run_streamed: `await Runner.run(...)` streams.")


def approval_request(message: str) -> bool:
    """Ask the user with a card, and return the decision."""
    return active().ask(message)


def trace(workflow_name: str, *_: Any, **fields: Any) -> AbstractContextManager[Any]:
    """Return the workflow's trace: the turn's, and none if tracing is off."""
    return active().trace(workflow_name, **fields)


class CountedGuardrails:
    """`run_guardrails` of openai-guardrails. Its verdict and its tokens are noted for the turn.

    Args:
        run_guardrails: The library's function.
    """

    def __init__(self, run_guardrails: Callable[..., Awaitable[list[Any]]]) -> None:
        self._run = run_guardrails

    async def __call__(self, ctx: Any, data: Any, *rest: Any, **options: Any) -> list[Any]:
        """Run the guardrails."""
        workflow = active()
        await workflow.begin_guardrails(data)
        try:
            results = await self._run(ctx, data, *rest, **options)
        except Exception as error:
            # The library raises a tripwire as an error with its result, unless the export suppresses it.
            result = getattr(error, "guardrail_result", None)
            workflow.end_guardrails(data, [] if result is None else [result])
            raise
        workflow.end_guardrails(data, results)
        return results


def replace_names(module: ModuleType) -> None:
    """Give the module of an export the platform's `Runner`, `trace`, `approval_request` and `run_guardrails`.

    Raises:
        ConfigurationError: the module has no `Runner` of its own, so its runs would call a provider past the platform.
    """
    found = vars(module)
    if found.get("Runner") not in (agents.Runner, Runner):
        raise ConfigurationError(f"{module.__name__} needs the import `from agents import Runner`.")
    found["Runner"] = Runner
    if "trace" in found:
        found["trace"] = trace
    for name in [name for name in found if _APPROVAL.fullmatch(name)]:
        found[name] = approval_request
    guardrails = found.get("run_guardrails")
    if guardrails is not None and not isinstance(guardrails, CountedGuardrails):
        found["run_guardrails"] = CountedGuardrails(guardrails)
