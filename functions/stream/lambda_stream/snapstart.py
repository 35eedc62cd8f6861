"""SnapStart: run hooks before the snapshot and after each restore.

The functions have the signatures of AWS's `snapshot_restore_py`. Hooks that are registered there run too.
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
    """Run the hooks before the snapshot. An exception stops them."""
    await _run([*reversed(_before), *reversed(_foreign("get_before_snapshot"))])


async def run_after_restore() -> None:
    """Run the hooks after a restore. An exception stops them.

    Reseed `random` first, because otherwise all restored processes would get the same numbers.
    """
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    await _run([*_after, *_foreign("get_after_restore")])


def _foreign(getter: str) -> list[Hook]:
    """Return the hooks that are registered with `snapshot_restore_py`, if it is imported."""
    module = sys.modules.get("snapshot_restore_py")
    return [] if module is None else list(getattr(module, getter)())


async def _run(hooks: Iterable[Hook]) -> None:
    for func, args, kwargs in hooks:
        result = func(*args, **kwargs)
        if inspect.isawaitable(result):
            await result
