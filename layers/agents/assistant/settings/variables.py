"""The agents' package's own variables: fields of a dataclass, read from the environment, checked and typed.

The package's module `settings` has the dataclass `Variables`:

    @dataclass(frozen=True)
    class Variables:
        bookshop_url: str = variable("The address of the shop's API.")
        bookshop_key: Secret = variable("The key of the shop's API.")
        most_books: int = variable("How many books a customer may order.", default=5)

A tool reads it with `read_variables(Variables)`. Each field has the name of its environment variable in lower case.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from assistant.errors import ConfigurationError, ImportFailedError
from assistant.settings.environment import Environment, Secret

Own = TypeVar("Own")
# The class in the package's module `settings`.
CLASS = "Variables"
# Without a limit: the package checks it, if it has one.
_NO_LEAST = -float("inf")


@dataclass(frozen=True)
class Variable:
    """One variable of a package.

    Attributes:
        name: The environment variable.
        kind: The type: `str`, `int`, `float`, `bool`, `Secret`, a `Literal` of strings, or `tuple[str, ...]`.
        description: What it is for.
        default: Its value if it is not set. `MISSING`: it has to be set.
    """

    name: str
    kind: Any
    description: str
    default: Any

    @property
    def needed(self) -> bool:
        """Whether it has to be set."""
        return self.default is MISSING

    @property
    def choices(self) -> tuple[str, ...]:
        """The values of a `Literal`; empty for other types."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


def variable(description: str, *, default: Any = MISSING) -> Any:
    """Return a field of `Variables`. Without a default, the variable has to be set.

    Args:
        description: What it is for. It becomes the description of the template's parameter.
        default: The value if it is not set. `Secret()` makes a secret optional.
    """
    metadata = {"description": description}
    return field(metadata=metadata) if default is MISSING else field(default=default, metadata=metadata)


def variables_of(cls: type[Any]) -> list[Variable]:
    """Return the variables of a dataclass.

    Raises:
        ConfigurationError: a field has a type that no variable can have.
    """
    hints = get_type_hints(cls)
    made = [_described(each, hints[each.name]) for each in fields(cls)]
    for each in made:
        if each.kind not in (str, int, float, bool, Secret, tuple[str, ...]) and not each.choices:
            raise ConfigurationError(f"{cls.__module__}: {each.name.lower()} cannot have the type {each.kind}.")
    return made


def _described(each: Field[Any], kind: Any) -> Variable:
    return Variable(each.name.upper(), kind, each.metadata.get("description", ""), each.default)


def read_variables(cls: type[Own], env: Mapping[str, str] | None = None) -> Own:
    """Read a package's variables from the environment.

    Args:
        cls: The package's dataclass.
        env: The environment variables. Default: those of this process.

    Raises:
        ConfigurationError: A variable is missing or invalid. The message names it and never shows a secret.
    """
    read = Environment(os.environ if env is None else env)
    values: dict[str, Any] = {}
    for each in variables_of(cls):
        value = _value(read, each)
        if value is None:
            if each.needed:
                raise ConfigurationError(f"{each.name} is not set. {each.description}")
            value = each.default
        values[each.name.lower()] = value
    return cls(**values)


def _value(read: Environment, wanted: Variable) -> Any:
    """Return the value of a variable, or None if it is not set."""
    if wanted.choices:
        return read.choice(wanted.name, wanted.choices)
    if wanted.kind is Secret:
        return read.secret(wanted.name) or None
    if wanted.kind is bool:
        return None if read.text(wanted.name) is None else read.flag(wanted.name)
    if wanted.kind is float:
        return read.number(wanted.name, least=_NO_LEAST)
    if wanted.kind is int:
        number = read.number(wanted.name, least=_NO_LEAST)
        if number is not None and not number.is_integer():
            raise ConfigurationError(f"{wanted.name} must be a whole number, not {read.text(wanted.name)}.")
        return None if number is None else int(number)
    if wanted.kind is str:
        return read.text(wanted.name)
    return read.words(wanted.name) or None


def find_variables(factory: str) -> type[Any] | None:
    """Return the dataclass of the package that `AGENT_FACTORY` names, or None if it has none.

    A package that cannot be imported has none here. Its first turn says why.

    Raises:
        ImportFailedError: The package's module `settings` cannot be imported.
    """
    package = factory.partition(":")[0].partition(".")[0]
    try:
        found = find_spec(f"{package}.settings")
    except Exception:
        return None
    if found is None:
        return None
    try:
        cls: type[Any] | None = getattr(import_module(f"{package}.settings"), CLASS, None)
    except Exception as error:
        raise ImportFailedError.of(f"{package}/settings.py", error) from error
    return cls


def check_variables(factory: str, env: Mapping[str, str] | None = None) -> None:
    """Check the variables of the package that `AGENT_FACTORY` names, when a function starts.

    Raises:
        ConfigurationError: A variable is missing or invalid.
    """
    if (cls := find_variables(factory)) is not None:
        read_variables(cls, env)
