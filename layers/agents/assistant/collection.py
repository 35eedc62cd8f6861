"""Garbage collection while modules load."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_collection() -> Iterator[None]:
    """Switch garbage collection off. Imports create little garbage, and collecting it takes a tenth of their time.

    If two threads load modules at the same time, the first one that ends may switch it on again.
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()
