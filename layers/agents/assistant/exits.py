"""Turn an exit of the agents' package into the failure of one call, so that the process does not end.

If a task raises a `SystemExit`, as `sys.exit()` does, the event loop ends, and with it every turn of the process.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, ParamSpec, TypeVar

# These exceptions end the event loop when a task raises them.
EXITS = (SystemExit, KeyboardInterrupt)
# Set on a function that `failing_at_exit` has returned.
_MARK = "__fails_at_exit__"

P = ParamSpec("P")
R = TypeVar("R")


class ExitError(Exception):
    """Code of the agents' package has raised an exception of `EXITS`, such as the `SystemExit` of `sys.exit()`."""


def failing_at_exit(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that raises `ExitError` in place of the exceptions of `EXITS`.

    Args:
        function: A function of the agents' package: plain, a coroutine or an asynchronous generator.
    """
    if hasattr(function, _MARK):
        return function

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        with _as_failure():
            result = function(*args, **kwargs)
        if inspect.isawaitable(result):
            return _awaited(result)
        if isinstance(result, AsyncGenerator):
            return _iterated(result)
        return result

    setattr(call, _MARK, True)
    return call


async def _awaited(result: Awaitable[Any]) -> Any:
    with _as_failure():
        return await result


async def _iterated(values: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
    with _as_failure():
        async with aclosing(values):
            async for value in values:
                yield value


@contextmanager
def _as_failure() -> Iterator[None]:
    try:
        yield
    except EXITS as error:
        raise ExitError from error
