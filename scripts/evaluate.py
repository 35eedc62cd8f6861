"""`make eval`: run the active package's sample conversations with the configured provider, and check the tool calls.

The conversations are in `tests/evals/PACKAGE/cases.py`. `RECIPE=ollama` takes the settings from a recipe of
docs/models.md. The environment may replace each of them. `JUDGE=model` names the model that judges the criteria of the
cases, `THRESHOLD=0.9` the share of cases that must pass, and `REPORT=file.json` the report.

The tools run for real, against the local AWS. Without an API key the demo model answers, and passes all cases.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.eval_judge import Judge, Judged
from scripts.eval_report import Verdict, share, table, threshold_of, write_report

if TYPE_CHECKING:
    from assistant.context import Resources
    from scripts.eval_cases import Case, Turn

ROOT = Path(__file__).resolve().parent.parent
# Where the report is if `REPORT` names no file.
REPORT = ".build/eval.json"


class CasesError(Exception):
    """The sample conversations cannot be loaded. The message says where and why."""


@dataclass(frozen=True)
class Made:
    """A call that the model made."""

    name: str
    arguments: dict[str, Any]


async def evaluate(resources: Resources, cases: Sequence[Case], judge_model: str | None = None) -> list[Verdict]:
    """Run the cases, one after another.

    Args:
        resources: The `Resources` with the settings of the provider, and a table.
        cases: The `Case`s.
        judge_model: The model that judges the criteria; None for the provider's default model.
    """
    judge_of_criteria = Judge(resources, judge_model)
    return [await _hold(resources, case, judge_of_criteria) for case in cases]


async def _hold(resources: Resources, case: Case, judge_of_criteria: Judge) -> Verdict:
    from agents import Runner
    from chatkit.agents import AgentContext
    from chatkit.types import ThreadMetadata

    from assistant.agent import MAX_MODEL_CALLS, load_agent, run_config
    from assistant.clock import now
    from assistant.context import RequestContext
    from assistant.errors import ConfigurationError
    from assistant.identity import Caller
    from assistant.models import build_model
    from assistant.threads import thread_store
    from assistant.workflows import Workflow

    context = RequestContext(Caller(f"eval-{uuid.uuid4().hex}", "eval", case.role), resources)
    thread = ThreadMetadata(id=f"thr_{uuid.uuid4().hex}", created_at=now())
    store = thread_store(resources)
    await store.save_thread(thread, context)
    agent = load_agent(resources.settings)
    if isinstance(agent, Workflow):
        raise ConfigurationError("The evaluation runs agents, and AGENT_FACTORY names a workflow.")
    config = run_config(resources.settings, build_model(resources.settings))
    said: list[Any] = []
    names: list[str] = []
    problems: list[str] = []
    judged: list[Judged] = []
    tokens, started = 0, time.monotonic()
    for turn in case.turns:
        chat: AgentContext[RequestContext] = AgentContext(thread=thread, store=store, request_context=context)
        said.append({"role": "user", "content": turn.says})
        try:
            result = await Runner.run(agent, said, context=chat, max_turns=MAX_MODEL_CALLS, run_config=config)
        except Exception as error:
            problems.append(f"failed: {type(error).__name__}")
            break
        made = list(_calls(result.new_items))
        names += [call.name for call in made]
        answer = result.final_output if isinstance(result.final_output, str) else ""
        tokens += result.context_wrapper.usage.total_tokens
        problems += judge(turn, made, answer, held=bool(result.interruptions))
        said = result.to_input_list()
        found = await judge_of_criteria.judge(turn.criteria, said)
        judged += found
        problems += [f"not fulfilled: {each.criterion} ({each.reason})" for each in found if each.fulfilled is False]
        if result.interruptions:
            break
    seconds = round(time.monotonic() - started, 2)
    return Verdict(case.name, tuple(names), tuple(problems), tuple(judged), seconds, tokens)


def _calls(items: Sequence[Any]) -> Iterator[Made]:
    for item in items:
        if item.type in ("tool_call_item", "handoff_call_item"):
            raw = item.raw_item
            try:
                arguments = json.loads(raw.arguments or "{}")
            except ValueError:
                arguments = {}
            yield Made(raw.name, arguments)


def judge(turn: Turn, made: Sequence[Made], answer: str, *, held: bool) -> Iterator[str]:
    """Yield the problems of a turn.

    Args:
        turn: What was to happen.
        made: The calls, in their order.
        answer: The assistant's words.
        held: Whether the turn ended by asking for approval.
    """
    left = iter(made)
    for expected in turn.calls:
        if not any(call.name == expected.name and _fits(expected.arguments, call.arguments) for call in left):
            wanted = ", ".join(f"{name}={value}" for name, value in expected.arguments.items())
            yield f"no {expected.name}({wanted})"
            break
    yield from (f"called {call.name}" for call in made if call.name in turn.never)
    if held != turn.held:
        yield "asked for approval" if held else "did not ask for approval"
    yield from (f"answer lacks {text!r}" for text in turn.answer_has if text.lower() not in answer.lower())
    yield from (f"answer has {text!r}" for text in turn.answer_lacks if text.lower() in answer.lower())


def _fits(expected: Any, given: dict[str, Any]) -> bool:
    def same(wanted: Any, value: Any) -> bool:
        if isinstance(wanted, str):
            return wanted.lower() in str(value).lower()
        return bool(str(wanted) == str(value))

    return all(name in given and same(wanted, given[name]) for name, wanted in expected.items())


def place(factory: str) -> Path:
    """Return the file with the sample conversations of the package that has this factory, from the checkout's root."""
    package = factory.partition(":")[0].rpartition(".")[2]
    return Path("tests", "evals", package, "cases.py")


def cases_of(factory: str) -> Sequence[Case]:
    """Return the sample conversations of the package that has this factory. No file: none.

    Raises:
        CasesError: the file cannot be loaded.
    """
    path = place(factory)
    if not (ROOT / path).exists():
        return ()
    try:
        cases: Sequence[Case] = importlib.import_module(".".join(path.with_suffix("").parts)).CASES
    except Exception as error:
        at = error.lineno if isinstance(error, SyntaxError) else _line(path, error)
        where = f"{path}, line {at}" if at else str(path)
        raise CasesError(f"{where}: {type(error).__name__}: {error}") from error
    return cases


def _line(path: Path, error: Exception) -> int | None:
    """Return the line of a file where an error was raised, or where the file imports what raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(ROOT / path)), None)


def main() -> int:
    """Run all cases with the configured provider. Return 1 if too few pass, there are none, or they cannot run."""
    from assistant.errors import ConfigurationError
    from declaration import DeclarationError
    from local.settings import DevSettingsError
    from local.stack import StackError

    try:
        return _run()
    except (CasesError, DeclarationError, DevSettingsError, StackError) as error:
        print(error, file=sys.stderr)
    except ConfigurationError as error:
        print(error.fix or error.message, file=sys.stderr)
    return 1


def _run() -> int:
    from assistant.settings import load_settings
    from declaration import chosen
    from local import stack
    from local.emulator import Emulator
    from local.own import offer_aws_services, own_variables, package_of
    from local.settings import read_environment
    from scripts.eval_recipes import RECIPES

    given = read_environment()
    recipe = given.get("RECIPE", "")
    if recipe and recipe not in RECIPES:
        print(f"There is no recipe {recipe!r}. The recipes are: {', '.join(sorted(RECIPES))}.", file=sys.stderr)
        return 1
    given = {**RECIPES.get(recipe, {}), **given}
    try:
        threshold = threshold_of(given.get("THRESHOLD", ""))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    factory = given.get("AGENT_FACTORY") or chosen().factory
    cases = cases_of(factory)
    if not cases:
        print(
            f"AGENT_FACTORY={factory} has no conversations. Write them as CASES in {place(factory)}.", file=sys.stderr
        )
        return 1
    with tempfile.TemporaryDirectory() as folder, Emulator(Path(folder)) as emulator:
        made = stack.deploy(emulator.endpoint_url, "eval")
        environment = {
            **own_variables(package_of(given), emulator.endpoint_url, "eval", given),
            # An empty value says nothing, so that a line of `.env` may be left empty.
            **{name: value for name, value in given.items() if value and not name.startswith("AWS_")},
            **emulator.environment(),
            "TABLE_NAME": made.table_name,
            "BUCKET_NAME": made.bucket_name,
            "AUTH_MODE": "guest",
        }
        # From here on as on Lambda.
        offer_aws_services(given)
        os.environ.update(environment)
        from assistant.context import Resources

        resources = Resources(load_settings(environment))
        judge_model = given.get("JUDGE") or None
        verdicts = asyncio.run(evaluate(resources, cases, judge_model))
    settings = resources.settings
    print(table(verdicts, settings.llm_provider))
    report = Path(given.get("REPORT") or REPORT)
    facts = {"factory": factory, "provider": settings.llm_provider, "model": settings.default_model}
    write_report(ROOT / report, verdicts, **facts, judge=Judge(resources, judge_model).model, threshold=threshold)
    print(f"The report is in {report}.")
    if share(verdicts) < threshold:
        print(f"Fewer than {threshold:.0%} of the cases have passed.", file=sys.stderr)
    return int(share(verdicts) < threshold)


if __name__ == "__main__":
    sys.exit(main())
