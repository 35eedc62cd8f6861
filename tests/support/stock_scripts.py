"""Random scripts of a model, for both our server and a stock one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.support import stock_agents
from tests.support.provider_formats import Answer, Part, Reasoning, Refusal, Text, ToolCall
from tests.support.stock_server import ROUNDS, Broken

REFUSAL = "I will not do that."
WITHHELD = f"so {stock_agents.WITHHELD} again"


@dataclass(frozen=True)
class Script:
    """What the model says in a turn, and in a turn after it.

    Attributes:
        api: The provider's API.
        turns: The model's answers of each turn.
        refused: For each turn, after how many events of the model the input guardrail refuses the message, if at all.
    """

    api: str
    turns: list[list[Answer | Broken]]
    refused: list[int | None]

    @property
    def asks_browser(self) -> bool:
        """Whether the first turn ends with a call of a client tool."""
        last = self.turns[0][-1]
        calls = [part for part in _parts(last) if isinstance(part, ToolCall)]
        return self.refused[0] is None and not self.ends_run(0) and any(each.name == "ask_browser" for each in calls)

    @property
    def rounds(self) -> int:
        """The rounds between two events. A model alone may send all at once: its own events have one order."""
        answers = [answer for turn in self.turns for answer in turn]
        alone = all(
            isinstance(each, Answer) and not any(isinstance(p, ToolCall) for p in each.parts) for each in answers
        )
        return 0 if alone and self.refused == [None] * len(self.turns) else ROUNDS

    def message(self, turn: int) -> str:
        """Return the user's message of a turn."""
        after = self.refused[turn]
        return "Hello." if after is None else stock_agents.refused_after(after)

    def is_refused(self, turn: int) -> bool:
        """Tell whether a guardrail refuses the message of a turn or its answer."""
        withheld = any(isinstance(part, Text) and part.text == WITHHELD for part in _parts(self.turns[turn][-1]))
        return self.refused[turn] is not None or (withheld and not self.ends_run(turn))

    @property
    def reasons_before_browser(self) -> bool:
        """Whether the model reasons before that call."""
        last = self.turns[0][-1]
        return self.asks_browser and isinstance(last, Answer) and isinstance(last.parts[0], Reasoning)

    def ends_run(self, turn: int) -> bool:
        """Tell whether a tool's guardrail ends a turn."""
        calls = [part for answer in self.turns[turn] for part in _parts(answer) if isinstance(part, ToolCall)]
        return any(part.arguments == {"what": stock_agents.ENDS_RUN} for part in calls)

    def calls_badly(self, turn: int) -> bool:
        """Tell whether a turn has a call whose arguments no tool accepts."""
        answers = [answer for answer in self.turns[turn] if isinstance(answer, Answer)]
        return any(_is_bad(part) for answer in answers for part in answer.parts)


def _is_bad(part: Part) -> bool:
    return isinstance(part, ToolCall) and replace(part, call_id="") in BAD_CALLS


_words = st.lists(st.sampled_from(["one", "zwei", "trois", "😀", "**four**", "", "\n"]), min_size=1, max_size=6)
_texts = _words.map(lambda words: Text("so " + " ".join(words)))
_thoughts = _words.map(lambda words: Reasoning("hm " + " ".join(words)))
_shown_calls = st.builds(
    lambda name, what: ToolCall(name, {"what": what}),
    st.sampled_from([tool.name for tool in stock_agents.SHOWN]),
    st.sampled_from(["a", "b", "ü"]),
)
_checked_calls = st.builds(
    lambda name, what: ToolCall(name, {"what": what}),
    st.sampled_from([tool.name for tool in stock_agents.CHECKED]),
    st.sampled_from(["a", "a", stock_agents.REFUSED, stock_agents.REFUSED, stock_agents.ENDS_RUN]),
)
_calls = st.one_of(_shown_calls, _shown_calls, _shown_calls, _checked_calls)
BAD_CALLS = [ToolCall("look_up", raw="{"), ToolCall("look_up", {"who": "a"})]
_bad_calls = st.sampled_from(BAD_CALLS)


@st.composite
def _before(draw: st.DrawFn) -> list[Part]:
    """Return what may come before the text or the calls of an answer."""
    return [draw(_thoughts)] if draw(st.integers(0, 3)) == 0 else []


@st.composite
def _answers(draw: st.DrawFn, *, hands_over: bool) -> list[Answer | Broken]:
    """Return the answers of a turn: some with calls, and one that ends it."""
    answers: list[Answer | Broken] = []
    handed = not hands_over
    for _ in range(draw(st.integers(0, 3))):
        parts: list[Part] = draw(_before())
        parts += draw(st.lists(_texts, max_size=1))
        if not handed and draw(st.booleans()):
            handed = True
            parts.append(ToolCall("transfer_to_specialist", {}))
        else:
            parts += draw(st.lists(_calls, min_size=1, max_size=3))
            if draw(st.integers(0, 9)) == 0:
                parts.append(draw(_bad_calls))
        answers.append(Answer(*parts))
    last: list[Part] = draw(_before())
    match draw(st.sampled_from(["text", "text", "texts", "withheld", "refusal", "broken", "broken", "client tool"])):
        case "text":
            answers.append(Answer(*last, draw(_texts)))
        case "texts":
            answers.append(Answer(*last, draw(_texts), draw(_texts)))
        case "withheld":
            answers.append(Answer(*last, Text(WITHHELD)))
        case "refusal":
            answers.append(Answer(*last, Refusal(REFUSAL)))
        case "broken":
            answers.append(Broken(Answer(*last, draw(_texts)), draw(st.integers(1, 2)), error=draw(st.booleans())))
        case _:
            answers.append(Answer(*last, *draw(st.lists(_texts, max_size=1)), ToolCall("ask_browser", {"what": "x"})))
    return answers


@st.composite
def _refused(draw: st.DrawFn, script: Script) -> Script:
    """Return a script whose last turn the input guardrail may refuse, if nothing else ends the turn early.

    It refuses the message at the start, while the model speaks or its tools run, or after all that.
    """
    turn = len(script.turns) - 1
    last = script.turns[turn][-1]
    early = isinstance(last, Broken) or any(isinstance(part, Refusal) for part in last.parts)
    if early or script.ends_run(turn) or script.calls_badly(turn) or draw(st.integers(0, 2)):
        return script
    return replace(script, refused=[*script.refused[:-1], draw(st.sampled_from([0, 3, 6, 9, 15, 25, 1_000]))])


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Return a script.

    The stock server cannot go on with a thread on Chat Completions. It goes on with reasoning before a client tool.
    """
    api = draw(st.sampled_from(["responses", "responses", "chat_completions"]))
    script = draw(_refused(Script(api, [draw(_answers(hands_over=True))], [None])))
    if api == "responses" and not script.reasons_before_browser and draw(st.booleans()):
        answered = script.asks_browser
        script = Script(api, [*script.turns, draw(_answers(hands_over=False))], [*script.refused, None])
        script = script if answered else draw(_refused(script))
    return replace(script, turns=_with_own_ids([_retitled_last(turn) for turn in script.turns]))


def _retitled_last(turn: list[Answer | Broken]) -> list[Answer | Broken]:
    """Return a turn in which only the last answer with calls gives a title.

    Storing the title takes time. If the model speaks and calls meanwhile, either server may show what a tool shows
    before the text in front of the call: the run and its tools have a queue each.
    """
    calling = [at for at, answer in enumerate(turn) if any(isinstance(p, ToolCall) for p in _parts(answer))]

    def without(answer: Answer | Broken) -> Answer | Broken:
        named = [
            replace(p, name="look_up") if isinstance(p, ToolCall) and p.name == "retitle" else p for p in _parts(answer)
        ]
        return answer if isinstance(answer, Broken) else Answer(*named)

    return [without(answer) if at in calling[:-1] else answer for at, answer in enumerate(turn)]


def _parts(answer: Answer | Broken) -> Sequence[Part]:
    return () if isinstance(answer, Broken) else answer.parts


def _with_own_ids(turns: list[list[Answer | Broken]]) -> list[list[Answer | Broken]]:
    """Return the turns with an id for each call: the SDK refuses an id that it has seen."""
    numbers = itertools.count()

    def own(answer: Answer | Broken) -> Answer | Broken:
        if isinstance(answer, Broken):
            return answer
        parts = [
            replace(part, call_id=f"call_{next(numbers)}") if isinstance(part, ToolCall) else part
            for part in answer.parts
        ]
        return Answer(*parts)

    return [[own(answer) for answer in answers] for answers in turns]
