"""Choose the demo model's answer from the conversation, by the plain words in it.

The demo model reads only the call's instructions, items, tools and handoffs. So it also works with other agents: it
picks the tool whose name matches the user's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from assistant.demo.arguments import Schema, fit_arguments, instance_of
from assistant.demo.script import Call, Say, Step, directed_steps
from assistant.demo.topics import intent_of, topic_of

# Context in the user's name starts with this, see `assistant.agent.conversion`.
_NOT_THE_USERS = "<context>"
_CONTEXT_MARK = re.compile(r"</?context>")
# A text file is a part that starts with this, see `assistant.files.content`.
_A_FILE = "[The file '"
_LONGEST_QUOTE = 300
_LONGEST_TITLE_WORDS = 6
_SPOKEN_PASSAGES = 2
_TITLE_ASKED = re.compile(r"\btitle\b", re.IGNORECASE)
_FACTS_ASKED = re.compile(r"\bfacts about the user\b", re.IGNORECASE)
_ABOUT_ONESELF = re.compile(
    r"[^.!?\n]*\b(?:I am|I'm|I like|I live|I prefer|I work|my name is)\b[^.!?\n]*", re.IGNORECASE
)
_ONE_WORD_ASKED = re.compile(r"\bone word\b|\bsingle word\b", re.IGNORECASE)
# Examples for the sample's agents, and for any agents with such tools.
_EXAMPLES = ("list my tasks", "add task buy milk (high)", "employee 7", "my invoice 501")


@dataclass(frozen=True)
class Offer:
    """A tool or a handoff that the model may call."""

    name: str
    about: str
    schema: Schema
    is_handoff: bool = False


@dataclass(frozen=True)
class Outcome:
    """A call of this turn and its result."""

    name: str
    output: str

    @property
    def is_handoff(self) -> bool:
        """Whether the call was a handoff. The Runner answers a handoff with `{"assistant": NAME}`."""
        return self.name.startswith("transfer_to_") or self.output.startswith('{"assistant":')


@dataclass(frozen=True)
class Conversation:
    """The parts of the conversation that the demo model uses.

    Attributes:
        said: The user's messages, oldest first.
        files: The number of images and files in the last message.
        outcomes: The calls since the last message, with their results.
        context: Context of the last message that the user did not write: quoted text, mentions, answers of a form.
    """

    said: tuple[str, ...]
    files: int
    outcomes: tuple[Outcome, ...]
    context: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The user's last message."""
        return self.said[-1] if self.said else ""


def read_conversation(items: str | Iterable[Mapping[str, Any]]) -> Conversation:
    """Read model input.

    Args:
        items: A text, or items in the Responses API's shape.
    """
    if isinstance(items, str):
        return Conversation((items,), 0, ())
    said: list[str] = []
    files = 0
    names: dict[str, str] = {}
    outcomes: list[Outcome] = []
    context: list[str] = []
    for item in items:
        if item.get("role") == "user":
            for own, notes in _messages(item.get("content")):
                if own:
                    text, files = _content(own)
                    said.append(text)
                    outcomes = []
                    context = []
                context += notes
        elif item.get("type") == "function_call":
            names[item["call_id"]] = item["name"]
        elif item.get("type") == "function_call_output":
            output, _ = _content(item.get("output"))
            outcomes.append(Outcome(names.get(item["call_id"], "the tool"), output))
    return Conversation(tuple(said), files, tuple(outcomes), tuple(context))


def _messages(content: Any) -> list[tuple[list[Any], list[str]]]:
    """Return the user's messages that one message of the input holds, each with the context notes after it."""
    parts = [{"text": content, "type": "input_text"}] if isinstance(content, str) else list(content or [])
    found: list[tuple[list[Any], list[str]]] = [([], [])]
    inside = False
    for part in parts:
        text = str(part.get("text", ""))
        inside = inside or text.startswith(_NOT_THE_USERS)
        if not inside:
            if found[-1][1]:
                found.append(([], []))
            found[-1][0].append(part)
        elif words := " ".join(_CONTEXT_MARK.sub("", text).split()):
            found[-1][1].append(words)
        inside = inside and "</context>" not in text
    return found


def _content(content: Any) -> tuple[str, int]:
    """Return the text of some content, and the number of its other parts."""
    if isinstance(content, str):
        return content.strip(), 0
    texts: list[str] = []
    others = 0
    for part in content or ():
        if part.get("type") not in ("input_text", "output_text", "text") or part["text"].startswith(_A_FILE):
            others += 1
        else:
            texts.append(part["text"])
    return "\n".join(texts).strip(), others


def choose(
    instructions: str, conversation: Conversation, offers: Sequence[Offer], tool_choice: str | None, name: str = "demo"
) -> Sequence[Step]:
    """Return the steps of the answer.

    Args:
        instructions: The agent's system prompt.
        conversation: The conversation.
        offers: The tools and handoffs of this call.
        tool_choice: `auto`, `required`, `none`, or the name of a tool.
        name: The model's name in its answers.
    """
    text = conversation.text
    outcomes = [outcome for outcome in conversation.outcomes if not outcome.is_handoff]
    if outcomes:
        return [Say(_spoken(outcome)) for outcome in outcomes]
    if tool_choice == "none":
        offers = ()
    handed_over = len(outcomes) != len(conversation.outcomes)
    if handed_over:
        # After a handoff, do not hand over again: two agents could pass the conversation back and forth.
        offers = [offer for offer in offers if not offer.is_handoff]
    helper = _helper(instructions, text) if not offers else None
    if helper is not None:
        return [Say(helper)]
    directed = directed_steps(text)
    if directed is not None:
        return [step for each in directed for step in _reachable(each, offers, handed_over)]
    chosen = _forced(tool_choice, offers) or _by_words(text, offers)
    if chosen is not None:
        return [Call(chosen[0].name, fit_arguments(chosen[0].schema, chosen[1], text))]
    return [Say(_reply(conversation, offers, name))]


def structured(conversation: Conversation, schema: Schema) -> str:
    """Return JSON that satisfies an output schema, with the user's text in its string fields."""
    return json.dumps(instance_of(schema, conversation.text), ensure_ascii=False)


def _reachable(step: Step, offers: Sequence[Offer], handed_over: bool) -> list[Step]:
    """Return the step if its tool is offered. Otherwise hand over to the agent that may have the tool, or say so."""
    if not isinstance(step, Call) or any(offer.name == step.name for offer in offers):
        return [step]
    if handed_over and step.name.startswith("transfer_to_"):
        return [Say("Here I am.")]
    naming = [offer for offer in offers if offer.is_handoff and step.name in offer.about]
    handoff = naming[0] if naming else _handoff_for(step.name.replace("_", " "), offers)
    if handoff is not None:
        return [Call(handoff.name, fit_arguments(handoff.schema, {}, step.name))]
    known = ", ".join(offer.name for offer in offers) or "none"
    return [Say(f"I have no tool {step.name}. My tools: {known}.")]


def _forced(tool_choice: str | None, offers: Sequence[Offer]) -> tuple[Offer, dict[str, Any]] | None:
    for offer in offers:
        if offer.name == tool_choice:
            return offer, {}
    return None


def _by_words(text: str, offers: Sequence[Offer]) -> tuple[Offer, dict[str, Any]] | None:
    tools = [offer for offer in offers if not offer.is_handoff]
    intent = intent_of(text)
    if intent is not None:
        for words in intent.tool_words:
            for tool in tools:
                if set(words) <= _stems(tool.name) and not set(intent.never) & _stems(tool.name):
                    return tool, intent.values
    handoff = _handoff_for(text, offers)
    if handoff is not None:
        return handoff, {}
    said = _stems(text)
    for tool in tools:
        if _stems(tool.name) <= said:
            return tool, {}
    return None


def _handoff_for(text: str, offers: Sequence[Offer]) -> Offer | None:
    topic = topic_of(text)
    if topic is None:
        return None
    for offer in offers:
        if offer.is_handoff and topic in f"{offer.name} {offer.about}".lower():
            return offer
    return None


def _stems(text: str) -> set[str]:
    """Return the words of a text or a tool's name, without their plural s."""
    return {word.removesuffix("s") for word in re.findall(r"[a-z]+", text.lower().replace("_", " "))}


def _helper(instructions: str, text: str) -> str | None:
    """Answer for agents without tools: the title writer, the one-word classifier, the search for facts."""
    if _FACTS_ASKED.search(instructions):
        return "\n".join(found.strip() for found in _ABOUT_ONESELF.findall(text)) or "none"
    if _ONE_WORD_ASKED.search(instructions):
        topic = topic_of(text)
        return topic if topic and topic in instructions.lower() else "general"
    if _TITLE_ASKED.search(instructions):
        return " ".join(text.split()[:_LONGEST_TITLE_WORDS]) or "New conversation"
    return None


def _spoken(outcome: Outcome) -> str:
    try:
        value = json.loads(outcome.output)
    except ValueError:
        value = outcome.output
    if isinstance(value, dict) and value.get("displayed"):
        # The widget shows the result, so the answer does not repeat it.
        return "Here you are."
    if isinstance(value, dict) and isinstance(value.get("passages"), list) and value["passages"]:
        # A real model writes a sentence of its own, and the mark after it.
        return " ".join(f"{_shortened(each['text'])} {each['mark']}" for each in value["passages"][:_SPOKEN_PASSAGES])
    if isinstance(value, dict):
        value = ", ".join(f"{key}: {each}" for key, each in value.items())
    return f"{outcome.name} answered: {_shortened(str(value))}"


def _reply(conversation: Conversation, offers: Sequence[Offer], name: str) -> str:
    count = len(conversation.said)
    parts = [f'This is the {name} model. You said: "{_shortened(conversation.text)}".']
    if conversation.files:
        parts.append(f"With it came {conversation.files} file(s).")
    parts += [f"It came with this: {_shortened(each)}" for each in conversation.context if each]
    parts.append(f"I have seen {count} message{'s' if count != 1 else ''} of yours in this thread.")
    if count > 1:
        parts.append(f'Before this one you said: "{_shortened(conversation.said[-2])}".')
    else:
        parts.append(_hint(offers))
    return " ".join(parts)


def _hint(offers: Sequence[Offer]) -> str:
    """Suggest messages that these agents understand, or else the names of their tools."""
    known = [f'"{each}"' for each in _EXAMPLES if _by_words(each, offers) is not None]
    if known:
        return f"Try {', '.join(known)}, or a line like !think."
    names = [offer.name for offer in offers]
    if names:
        return f"I can call {', '.join(names)}: try a line like !tool {names[0]} {{}}, or !think."
    return "Try a line like !think."


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
