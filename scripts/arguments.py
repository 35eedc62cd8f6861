"""Parse the arguments of an operator's script. `make` passes `TURN=…` as `--turn …`."""

from __future__ import annotations

import argparse
import os
import re
from typing import NoReturn
from urllib.parse import urlsplit

# The Makefile sets this variable to the target's name.
MAKE_TARGET = "MAKE_TARGET"
# Matches an option in an error message, except in quotes, where it is a value that the operator typed.
_OPTION = re.compile(r"(?<!')--([a-z-]+)")


class Parser(argparse.ArgumentParser):
    """A parser whose messages name `TURN=…` if the script was called by `make`, and `--turn` otherwise."""

    def error(self, message: str) -> NoReturn:
        """Print the error and exit with 2."""
        target = os.environ.get(MAKE_TARGET)
        if target is None:
            super().error(message)
        said = _OPTION.sub(lambda option: option[1].upper().replace("-", "_") + "=…", message)
        self.exit(2, f"make {target}: {said.removeprefix('argument ')} (`make help` shows what it takes)\n")


def given(text: str) -> str:
    """Return an argument as it is: `make` hands over an empty one where nobody has given any.

    Raises:
        argparse.ArgumentTypeError: it is empty.
    """
    if not text:
        raise argparse.ArgumentTypeError("it has to be given")
    return text


def address(text: str) -> str:
    """Return the argument of an address, which is http or https and has a host, or is empty.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise argparse.ArgumentTypeError(f"it is an address such as https://abc.example.com/, not {text!r}")
    return text
