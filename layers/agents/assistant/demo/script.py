"""Parse the demo commands, which are lines that start with `!`, into the steps of an answer.

Commands of the user's message run in order. If a message has commands, its other lines are ignored. To add a command,
write a function that turns its argument into steps, and name the function in `COMMANDS`. A new kind of step also needs
code in `assistant.models.demo`.

    !slow N              N words, 100 ms apart
    !fail N              an error of the provider after N words; `!fail 0` fails before the first word
    !long N              N KB of text
    !think [text]        a summary of reasoning, then an answer
    !tool NAME {json}    a call of that tool; several lines are parallel calls
    !cite URL [title]    a sentence with a web page as its source
    !image text          a picture, drawn in two steps
    !say text            that text, word for word
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

SLOW_PAUSE_SECONDS = 0.1
# The length of a line of `!long` with its newline, so that N KB are N * 16 lines.
LONG_LINE_BYTES = 64
# Over every limit that a test needs, and far below a function's memory.
LONGEST_KB = 20_000
# Fifteen minutes of `!slow`, which is the longest time of a Lambda invocation.
MOST_WORDS = 9_000


@dataclass(frozen=True)
class Say:
    """Text. Consecutive texts form one message. `pause` is in seconds after each word; `None` is the usual pause."""

    text: str
    pause: float | None = None


@dataclass(frozen=True)
class Think:
    """A reasoning item. Each text is one part of its summary."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class Cite:
    """A citation of a web page for the message so far."""

    url: str
    title: str


@dataclass(frozen=True)
class Call:
    """A call of a tool or a handoff."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draw:
    """A picture like that of OpenAI's hosted tool. Each colour is one visible step."""

    colours: tuple[str, ...] = ("grey", "blue")


@dataclass(frozen=True)
class Fail:
    """A failure of the provider."""


Step = Say | Think | Cite | Call | Draw | Fail


def _count(argument: str, default: int, most: int) -> int:
    word = argument.split(maxsplit=1)[0] if argument else ""
    if not word.isdecimal():
        return default
    # A number with more digits than the limit is over the limit. Python refuses to parse very long numbers.
    return most if len(word) > len(str(most)) else min(int(word), most)


def _numbered(count: int) -> str:
    return " ".join(f"word{number}" for number in range(1, count + 1))


def _slow(argument: str) -> Iterator[Step]:
    yield Say(_numbered(_count(argument, 20, MOST_WORDS)), pause=SLOW_PAUSE_SECONDS)


def _fail(argument: str) -> Iterator[Step]:
    count = _count(argument, 0, MOST_WORDS)
    if count:
        yield Say(_numbered(count))
    yield Fail()


def _long(argument: str) -> Iterator[Step]:
    kilobytes = _count(argument, 1, LONGEST_KB)
    lines = kilobytes * 1024 // LONG_LINE_BYTES
    text = "".join(f"line {number} ".ljust(LONG_LINE_BYTES - 1, ".") + "\n" for number in range(1, lines + 1))
    yield Say(text, pause=0.0)


def _think(argument: str) -> Iterator[Step]:
    thought = argument or "The user wants to see how reasoning looks."
    yield Think((thought, "A short answer will do."))
    yield Say("I have thought about it.")


def _tool(argument: str) -> Iterator[Step]:
    name, _, raw = argument.partition(" ")
    try:
        arguments = json.loads(raw) if raw.strip() else {}
    except ValueError:
        arguments = None
    if not name or not isinstance(arguments, dict):
        yield Say('A tool call looks like this: !tool NAME {"key": "value"}')
        return
    yield Call(name, arguments)


def _cite(argument: str) -> Iterator[Step]:
    url, _, title = argument.partition(" ")
    yield Say("This is said on a page of the web.")
    yield Cite(url or "https://example.com/", title or "A page of the web")


def _image(argument: str) -> Iterator[Step]:
    yield Draw()
    yield Say(f'This is my picture of "{argument or "nothing"}".')


def _say(argument: str) -> Iterator[Step]:
    yield Say(argument)


COMMANDS: dict[str, Callable[[str], Iterator[Step]]] = {
    "slow": _slow,
    "fail": _fail,
    "long": _long,
    "think": _think,
    "tool": _tool,
    "cite": _cite,
    "image": _image,
    "say": _say,
}


def directed_steps(text: str) -> Sequence[Step] | None:
    """Return the steps for the commands in a message, or `None` if it has no command.

    Args:
        text: The user's message.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("!")]
    if not lines:
        return None
    steps: list[Step] = []
    for line in lines:
        name, _, argument = line[1:].partition(" ")
        command = COMMANDS.get(name.lower())
        if command is None:
            known = ", ".join(f"!{each}" for each in COMMANDS)
            steps.append(Say(f"I do not know !{name}. I know: {known}."))
        else:
            steps.extend(command(argument.strip()))
    return steps
