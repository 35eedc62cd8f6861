"""Report failures of code: what failed, the error, and its place in the agents' package.

A log line has the error's message only if `LOG_CONTENT` allows texts, because a message may quote a user. The dev
server always shows it (`show_messages`), because its log stays on the developer's machine. No line has a key.
"""

from __future__ import annotations

import importlib.util
import linecache
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from assistant.errors import AssistantError, ImportFailedError
from assistant.observability import texts_allowed

# The folder of the layer: `layers/agents` of the checkout, `/opt/python` on Lambda.
_LAYER = Path(__file__).parent.parent
_LAYER_IN_CHECKOUT = Path("layers", "agents")
# Characters of a message: enough for pydantic's errors of a widget, too few for a document.
MAX_MESSAGE_CHARACTERS = 2_000
# The frames of a trace that are logged, the last ones: a recursion has a thousand.
MAX_FRAMES = 40
# The errors of a group that are logged. Tasks that fail together often fail for the same reason.
MAX_GROUPED = 5
# Keys of providers, and tokens of sign-in services.
_KEY_LIKE = re.compile(r"\b(sk|rk|pk|gsk|xai|hf|nvapi|AIza|AKIA|eyJ)[-_]?[\w*.-]{2,}|(?<=earer )\S+")
# Environment variables with such names hold secrets. A shorter value could stand in a message by chance.
_SECRET_NAME = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD|SALT)S?$")
_SHORTEST_SECRET = 8
_REMOVED = "[removed]"


@dataclass(frozen=True)
class Failure:
    """A failure, as the log and the dev server's page show it.

    Attributes:
        what: What failed.
        error: The error's type, and its message where messages are shown.
        place: The file, the line and the function in the agents' package; empty if the error is not from there.
        trace: The frames from that place on, or all of them, and the causes.
        details: Further facts, such as the settings of a model's request.
    """

    what: str
    error: str
    place: str = ""
    trace: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What failed, where and why, without the trace."""
        place = f" ({self.place})" if self.place else ""
        return f"{self.what}{place}: {self.error}"

    def __str__(self) -> str:
        return f"{self.title}\n{self.trace}"


_package = ""
_listener: Callable[[Failure], None] | None = None


def look_for_places_in(factory: str) -> None:
    """Set the package in whose files places are looked for.

    Args:
        factory: The setting `AGENT_FACTORY`.
    """
    global _package
    _package = factory.partition(":")[0].partition(".")[0]


def show_messages(listener: Callable[[Failure], None]) -> None:
    """Show the messages of errors whatever `LOG_CONTENT` says, and pass on each failure. For the dev server only."""
    global _listener
    _listener = listener


def messages_shown() -> bool:
    """Tell whether the log may have the messages of errors."""
    return _listener is not None or texts_allowed()


def log_failure(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log what failed, the error's type and place, and its message where messages are shown.

    Args:
        log: The logger.
        what: What failed. It must not contain text of a user.
        error: The error. If the agents' package caused it, its cause there is shown.
    """
    failure = failure_of(what, error)
    log.error("%s", failure)
    pass_on(failure)


def pass_on(failure: Failure) -> None:
    """Pass a failure that is logged on to the dev server's page."""
    if _listener is not None:
        _listener(failure)


def failure_of(what: str, error: BaseException) -> Failure:
    """Describe a failure.

    Args:
        what: What failed.
        error: The error.
    """
    links = _from_the_package(error)
    if _is_import_failure(links[0]):
        what = f"{what}: an import failed"
    shown = _described(links[0])
    trace = "caused by ".join(_trace(link, at) for at, link in enumerate(links)) + _others(error, links)
    return Failure(what, shown, _place(links[0]), trace)


def known(error: BaseException) -> BaseException:
    """Return the error as the platform knows it: an `ImportFailedError` if a module could not be imported."""
    if isinstance(error, AssistantError) or not _is_import_failure(_from_the_package(error)[0]):
        return error
    failed = ImportFailedError()
    failed.__cause__ = error
    return failed


def without_keys(text: str) -> str:
    """Return a text without what looks like a key, and without the values of this process's secrets."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, _REMOVED)
    return _KEY_LIKE.sub(_REMOVED, text)


def _from_the_package(error: BaseException) -> list[BaseException]:
    """Return an error and its causes, from the first one that has a place in the agents' package."""
    links = list(_chain(error))
    return next((links[at:] for at, link in enumerate(links) if _place(link)), links)


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        if isinstance(link, BaseExceptionGroup):
            errors = _grouped(link)
            link = next((each for each in errors if _place(each)), errors[0])
        else:
            link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _grouped(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """Return the errors of a group and of the groups in it."""
    found: list[BaseException] = []
    for each in group.exceptions:
        found += _grouped(each) if isinstance(each, BaseExceptionGroup) else [each]
    return found


def _others(error: BaseException, shown: list[BaseException]) -> str:
    """Return a line for each further error of the first group among an error and its causes, bounded."""
    group = next((each for each in _chain(error) if isinstance(each, BaseExceptionGroup)), None)
    others = [] if group is None else [each for each in _grouped(group) if each not in shown][: MAX_GROUPED - 1]
    return "".join(f"together with {_described(each)} {_place(each)}".rstrip() + "\n" for each in others)


def _described(error: BaseException) -> str:
    if isinstance(error, AssistantError):
        return error.fix or error.code
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    message = _message(error)
    return f"{name}: {message}" if message else name


def _message(error: BaseException) -> str:
    match error:
        case ModuleNotFoundError(name=str(name)) if name.replace(".", "").isidentifier():
            return f"No module named '{name}'"
        case SyntaxError(msg=message) if _source(error):
            return message
        case _ if messages_shown() or type(error).__name__ == "UnknownServiceError":
            # That of an AWS service that the layer lacks names only services.
            return without_keys(str(error))[:MAX_MESSAGE_CHARACTERS]
        case _:
            return ""


def _is_import_failure(error: BaseException) -> bool:
    """Tell whether a module is missing, cannot be compiled, or has failed while it was imported."""
    if isinstance(error, ImportError | ImportFailedError) or _source(error):
        return True
    return any(frame.name == "<module>" for frame in traceback.extract_tb(error.__traceback__))


def _source(error: BaseException) -> str:
    """Return the source file of a syntax error. A text that a tool compiles has none."""
    if isinstance(error, SyntaxError) and error.filename is not None and error.filename.endswith(".py"):
        return error.filename
    return ""


def _place(error: BaseException) -> str:
    """Return where in the agents' package an error was raised: the innermost frame there."""
    folders = _package_folders()
    if _is_in(_source(error), folders) and isinstance(error, SyntaxError):
        return f"{_relative(error.filename or '')}:{error.lineno}"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if _is_in(frame.filename, folders):
            return f"{_relative(frame.filename)}:{frame.lineno} in {frame.name}"
    return ""


def _trace(error: BaseException, at: int) -> str:
    """Return the frames of an error from the package's first one on, or all of them; the first error has no title."""
    if at == 0 and isinstance(error, AssistantError) and not _place(error):
        # Its text names the setting to change.
        return ""
    frames, folders = _frames(error), _package_folders()
    first = next((at for at, frame in enumerate(frames) if _is_in(frame.filename, folders)), 0)
    lines = [] if at == 0 else [_described(error)]
    source = _source(error)
    if isinstance(error, SyntaxError) and source:
        # The frames are those of the import.
        frames = traceback.StackSummary()
        lines += [f"  {_relative(source)}:{error.lineno}", *_marked(error)]
    for frame in frames[first:][-MAX_FRAMES:]:
        lines.append(f"  {_relative(frame.filename)}:{frame.lineno} in {frame.name}")
        if frame.line:
            lines.append(f"    {without_keys(frame.line)}")
    return "\n".join(lines) + "\n"


def _frames(error: BaseException) -> traceback.StackSummary:
    """Return the frames of an error without those of Python's import."""
    frames = traceback.extract_tb(error.__traceback__)
    return traceback.StackSummary.from_list(
        each for each in frames if not each.filename.startswith("<frozen importlib")
    )


def _marked(error: SyntaxError) -> list[str]:
    """Return the line with a syntax error, and a mark below its place."""
    line = (error.text or linecache.getline(error.filename or "", error.lineno or 0)).rstrip()
    indented = len(line) - len(line.lstrip())
    mark = max(0, (error.offset or 1) - 1 - indented)
    return [f"    {line.strip()}", f"    {' ' * mark}^"]


def _package_folders() -> list[str]:
    module = sys.modules.get(_package)
    try:
        spec = module.__spec__ if module is not None else importlib.util.find_spec(_package) if _package else None
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    return [*(spec.submodule_search_locations or [])] or [spec.origin or ""]


def _is_in(file: str, folders: list[str]) -> bool:
    return any(file == folder or file.startswith(folder + os.sep) for folder in folders if folder)


def _relative(file: str) -> str:
    """Return a file as the checkout has it, also on Lambda."""
    path = Path(file)
    if path.is_relative_to(_LAYER):
        return str(_LAYER_IN_CHECKOUT / path.relative_to(_LAYER))
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
