"""Logging a failure that nobody expected, without a word of anybody's in it."""

from __future__ import annotations

import logging
import traceback


def log_failure(log: logging.Logger, what: str, error: BaseException) -> None:
    """Log that something failed and where the error came from.

    Its message is left out, and so are its causes': a validation error's, for one, quotes what a user wrote.
    """
    places = []
    link: BaseException | None = error
    while link is not None:
        frames = traceback.format_list(traceback.extract_tb(link.__traceback__))
        places.append(f"{type(link).__module__}.{type(link).__qualname__}\n{''.join(frames)}")
        link = link.__cause__ or link.__context__
    log.error("%s: %s", what, "caused by ".join(places))
