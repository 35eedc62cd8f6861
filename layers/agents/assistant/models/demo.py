"""The demo model: a deterministic provider that needs no key and no network.

It streams word by word, calls the tools and handoffs of its agent, quotes the user and remembers the conversation. So
every feature can be seen and tested without a key. Lines that start with `!` are demo commands: see
`assistant.demo.script`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, assert_never, cast

from agents import Model, ModelResponse, Usage
from agents.tool import FunctionTool
from openai.types.responses import ResponseUsage

from assistant.demo import Call, Cite, Draw, Fail, Offer, Say, Step, Think, choose, png, read_conversation, structured
from assistant.errors import ModelUnavailableError
from assistant.models.link import Link, ModelCall
from assistant.models.response_writer import ResponseWriter
from assistant.models.usage import estimated_tokens, input_characters, usage_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents import ModelSettings
    from agents.agent_output import AgentOutputSchemaBase
    from agents.handoffs import Handoff
    from agents.items import TResponseInputItem, TResponseStreamEvent
    from agents.models.interface import ModelTracing
    from agents.tool import Tool
    from openai.types.responses.response_prompt_param import ResponsePromptParam

DEMO_MODEL_NAME = "demo"
# Slow enough to show that words stream, fast enough that a user need not wait.
WORD_PAUSE_SECONDS = 0.01
# Text without a pause comes in larger deltas. Otherwise a long text would take one event for each word.
BULK_DELTA_CHARACTERS = 1024

_WORDS = re.compile(r"\s*\S+\s*|\s+")


class DemoModel(Model):
    """A model that runs in this process and answers word by word.

    Args:
        name: The name that it gives in its answers.
    """

    def __init__(self, name: str = DEMO_MODEL_NAME) -> None:
        self._name = name

    async def answer(self, call: ModelCall, writer: ResponseWriter) -> AsyncGenerator[TResponseStreamEvent, None]:
        """Yield the events of an answer."""
        for event in writer.begin():
            yield event
        async for event in _written(_steps(call, self._name), writer):
            yield event
        for event in writer.complete(_usage(call, writer)):
            yield event

    async def get_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> ModelResponse:
        """Return the whole answer."""
        call = ModelCall(system_instructions, input, model_settings, tools, output_schema, handoffs, tracing)
        writer = ResponseWriter(self._name)
        usage = Usage(requests=1)
        async for event in self.answer(call, writer):
            if event.type == "response.completed" and event.response.usage is not None:
                usage.input_tokens = event.response.usage.input_tokens
                usage.output_tokens = event.response.usage.output_tokens
                usage.total_tokens = event.response.usage.total_tokens
        return ModelResponse(output=writer.output, usage=usage, response_id=writer.response_id)

    async def stream_response(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the name in the SDK
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None = None,
        conversation_id: str | None = None,
        prompt: ResponsePromptParam | None = None,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Stream the answer as it is written."""
        call = ModelCall(system_instructions, input, model_settings, tools, output_schema, handoffs, tracing)
        async with aclosing(self.answer(call, ResponseWriter(self._name))) as events:
            async for event in events:
                yield event


def _steps(call: ModelCall, name: str) -> Sequence[Step]:
    items = call.input if isinstance(call.input, str) else cast(list[dict[str, Any]], call.input)
    conversation = read_conversation(items)
    schema = call.output_schema
    if schema is not None and not schema.is_plain_text():
        return [Say(structured(conversation, schema.json_schema()))]
    tool_choice = call.settings.tool_choice
    return choose(
        call.instructions or "",
        conversation,
        offers_of(call),
        tool_choice if isinstance(tool_choice, str) else None,
        name,
    )


def offers_of(call: ModelCall) -> list[Offer]:
    """Return the tools and handoffs of a call."""
    offers = [
        Offer(tool.name, tool.description or "", tool.params_json_schema)
        for tool in call.tools
        if isinstance(tool, FunctionTool)
    ]
    offers += [
        Offer(
            handoff.tool_name,
            f"{handoff.agent_name} {handoff.tool_description}",
            handoff.input_json_schema,
            is_handoff=True,
        )
        for handoff in call.handoffs
    ]
    return offers


async def _written(steps: Sequence[Step], writer: ResponseWriter) -> AsyncIterator[TResponseStreamEvent]:
    """Write the events of the steps. Consecutive text and sources form one message."""
    in_text = False
    for step in steps:
        is_text = isinstance(step, Say | Cite)
        goes_on = in_text
        if is_text and not in_text:
            for event in writer.open_text():
                yield event
        elif in_text and not is_text and not isinstance(step, Fail):
            for event in writer.close_text():
                yield event
        in_text = is_text
        match step:
            case Say():
                for delta, pause in _deltas(step, goes_on=goes_on):
                    for event in writer.text(delta):
                        yield event
                    await asyncio.sleep(pause)
            case Cite():
                for event in writer.cite(step.url, step.title):
                    yield event
            case Think():
                for event in writer.open_reasoning():
                    yield event
                for part in step.parts:
                    for event in writer.think(_WORDS.findall(part)):
                        yield event
                    await asyncio.sleep(WORD_PAUSE_SECONDS)
                for event in writer.close_reasoning():
                    yield event
            case Call():
                for event in writer.call(step.name, step.arguments):
                    yield event
            case Draw():
                for event in writer.image([png(colour) for colour in step.colours]):
                    yield event
                    await asyncio.sleep(WORD_PAUSE_SECONDS)
            case Fail():
                raise ModelUnavailableError("The demo model failed because of the command !fail. Please try again.")
            case _:
                assert_never(step)
    if in_text:
        for event in writer.close_text():
            yield event


def _deltas(step: Say, *, goes_on: bool) -> list[tuple[str, float]]:
    """Cut text into deltas, each with the pause after it. Text that continues a message starts on a new line."""
    text = f"\n{step.text}" if goes_on else step.text
    if step.pause == 0:
        starts = range(0, len(text), BULK_DELTA_CHARACTERS)
        return [(text[start : start + BULK_DELTA_CHARACTERS], 0.0) for start in starts]
    pause = WORD_PAUSE_SECONDS if step.pause is None else step.pause
    return [(word, pause) for word in _WORDS.findall(text)]


def _usage(call: ModelCall, writer: ResponseWriter) -> ResponseUsage:
    return usage_of(estimated_tokens(input_characters(call.instructions, call.input)), estimated_tokens(writer.written))


def demo_link(model_name: str | None = None) -> Link:
    """Return the link of the demo model. A model name only changes the name in its answers, and costs nothing."""
    name = model_name or DEMO_MODEL_NAME

    async def model() -> Model:
        return DemoModel(name)

    return Link(provider="demo", model_name=DEMO_MODEL_NAME, model_setting="LLM_PROVIDER", key_setting="", model=model)
