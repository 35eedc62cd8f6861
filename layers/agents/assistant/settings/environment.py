"""Read values of the environment, check them and give them a type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from assistant.errors import ConfigurationError

# Above this a float cannot represent every whole number.
MAX_WHOLE = 2**53
_TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True)
class Secret:
    """An API key, given as a value (locally) or as the name of a secret in Secrets Manager (on AWS).

    `repr` shows neither, so no log line can contain it.
    """

    value: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return bool(self.value or self.name)

    def read(self) -> str:
        """Return the key. If only its name is set, read it from Secrets Manager.

        Raises:
            ConfigurationError: neither a value nor a name is set.
        """
        if self.value:
            return self.value
        if not self.name:
            raise ConfigurationError("The provider needs an API key, and none is set.")
        from aws_lambda_powertools.utilities import parameters

        return str(parameters.get_secret(self.name))


class Environment:
    """Reads typed values. An error names the variable that is wrong."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str) -> str | None:
        """Return a text without spaces around it; None if it is empty."""
        return self._env.get(name, "").strip() or None

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a truth value."""
        raw = self.text(name)
        if raw is None:
            return default
        if raw.lower() in _TRUE:
            return True
        if raw.lower() in FALSE:
            return False
        raise ConfigurationError(f"{name} must be true or false, not {raw!r}.")

    def number(self, name: str, *, least: float = 1) -> float | None:
        """Return a number that is not too small."""
        raw = self.text(name)
        if raw is None:
            return None
        try:
            value = float(raw)
        except ValueError:
            raise ConfigurationError(f"{name} must be a number, not {raw!r}.") from None
        if not least <= value < float("inf"):
            raise ConfigurationError(f"{name} must be at least {least:g}, not {raw}.")
        return value

    def whole(self, name: str, *, most: int = MAX_WHOLE) -> int | None:
        """Return a whole number from 1 to a limit."""
        value = self.number(name)
        if value is None:
            return None
        if value > most or not value.is_integer():
            raise ConfigurationError(f"{name} must be a whole number up to {most}, not {self.text(name)}.")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str | None:
        """Return one of several words."""
        raw = self.text(name)
        if raw is not None and raw not in choices:
            raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {raw!r}.")
        return raw

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of a list with commas."""
        return split_words(self._env.get(name, ""))

    def secret(self, name: str) -> Secret:
        """Return a key, given as a value or by its name."""
        return Secret(value=self.text(name), name=self.text(f"{name}_SECRET"))


def split_words(text: str) -> tuple[str, ...]:
    """Return the words of a list with commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
