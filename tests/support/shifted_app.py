"""The function `stream` with a clock that a test sets forward: the file in `CLOCK_SHIFT` holds the seconds."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from app import app
from assistant import clock

__all__ = ["app"]

_shift, _now = Path(os.environ["CLOCK_SHIFT"]), clock.now


def _shifted() -> datetime:
    return _now() + timedelta(seconds=float(_shift.read_text()))


clock.now = _shifted
