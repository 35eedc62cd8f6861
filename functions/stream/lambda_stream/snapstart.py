"""SnapStart: what runs before the snapshot and after each restore.

The two functions have the signatures of AWS's `snapshot_restore_py`; what an app registered there runs too.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

AnyCallable = TypeVar("AnyCallable", bound=Callable[..., Any])
Hook = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]

_before: list[Hook] = []
_after: list[Hook] = []


def register_before_snapshot(func: AnyCallable, *args: Any, **kwargs: Any) -> AnyCallable:
    """Run a function, plain or async, before the snapshot is taken: the last registered first.

    Returns:
        The function, so that this works as a decorator.
    """
    _before.append((func, args, kwargs))
    return func


def register_after_restore(func: AnyCallable, *args: Any, **kwargs: Any) -> AnyCallable:
    """Run a function, plain or async, after each restore: the first registered first.

    Returns:
        The function, so that this works as a decorator.
    """
    _after.append((func, args, kwargs))
    return func


async def run_before_snapshot() -> None:
    """Run the hooks of the snapshot; the first that raises ends it."""
    await _run([*reversed(_before), *reversed(_foreign("get_before_snapshot"))])


async def run_after_restore() -> None:
    """Run the hooks of a restore; the first that raises ends it.

    Python's global generator is seeded anew first: all restored copies would draw the same numbers from it.
    """
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    await _run([*_after, *_foreign("get_after_restore")])


def _foreign(getter: str) -> list[Hook]:
    """Return what is registered with `snapshot_restore_py`, if anybody imported it."""
    module = sys.modules.get("snapshot_restore_py")
    return [] if module is None else list(getattr(module, getter)())


async def _run(hooks: Iterable[Hook]) -> None:
    for func, args, kwargs in hooks:
        result = func(*args, **kwargs)
        if inspect.isawaitable(result):
            await result
