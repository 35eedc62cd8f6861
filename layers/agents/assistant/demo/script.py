"""What the demo model can be told to do: the steps of an answer, and the `!` lines that ask for them.

A line of the user's message that begins with `!` is a directive, obeyed in order; lines without one are answered as
ever. To add a directive, write a function from its arguments to steps and name it in `DIRECTIVES`; a step that no
existing one can express goes into `assistant.models.demo` too.

    !slow N              N words, 100 ms apart
    !fail N              an error of the provider after N words; `!fail 0` fails before the first
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
# One line of `!long`, newline included, so that N KB are N * 16 lines.
LONG_LINE_BYTES = 64
# More than any limit that a test wants to cross, and far from what would fill a function's memory.
LONGEST_KB = 20_000
# A quarter of an hour of `!slow`, which is as long as a function may run.
MOST_WORDS = 9_000


@dataclass(frozen=True)
class Say:
    """Text. Several in a row make one message; `pause` is in seconds after each word, `None` the usual pace."""

    text: str
    pause: float | None = None


@dataclass(frozen=True)
class Think:
    """A reasoning item; each text is one part of its summary."""

    parts: tuple[str, ...]


@dataclass(frozen=True)
class Cite:
    """A web page as the source of the message so far."""

    url: str
    title: str


@dataclass(frozen=True)
class Call:
    """A function call: a tool's, or a handoff's."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Draw:
    """A picture, as OpenAI's hosted tool makes one; each name of a colour is a step that is shown."""

    colours: tuple[str, ...] = ("grey", "blue")


@dataclass(frozen=True)
class Fail:
    """The provider fails here."""


Step = Say | Think | Cite | Call | Draw | Fail


def _count(argument: str, default: int, most: int) -> int:
    word = argument.split(maxsplit=1)[0] if argument else ""
    if not word.isdecimal():
        return default
    # A number of more digits than the limit has is over it, however large: Python refuses to read the largest.
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


DIRECTIVES: dict[str, Callable[[str], Iterator[Step]]] = {
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
    """Return the steps that the directives in a message ask for, or `None` when it has none.

    Args:
        text: The user's message.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip().startswith("!")]
    if not lines:
        return None
    steps: list[Step] = []
    for line in lines:
        name, _, argument = line[1:].partition(" ")
        directive = DIRECTIVES.get(name.lower())
        if directive is None:
            known = ", ".join(f"!{each}" for each in DIRECTIVES)
            steps.append(Say(f"I do not know !{name}. I know: {known}."))
        else:
            steps.extend(directive(argument.strip()))
    return steps
