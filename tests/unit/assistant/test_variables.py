"""The variables of an agents' package: typed, and checked when a function starts."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest

from assistant.api import create_app
from assistant.errors import ConfigurationError
from assistant.settings import Secret, check_variables, read_variables, variable, variables_of


@dataclass(frozen=True)
class Variables:
    """One of each type."""

    shop_url: str = variable("The address of the shop.")
    shop_most: int = variable("How many.", default=5)
    shop_rate: float = variable("How much.", default=-0.5)
    shop_open: bool = variable("Whether it sells.", default=True)
    shop_kinds: tuple[str, ...] = variable("What it sells.", default=())
    shop_mode: Literal["new", "used"] = variable("Which books.", default="new")
    shop_key: Secret = variable("The key of the shop.", default=Secret())


def test_each_value_has_its_type() -> None:
    given = {"SHOP_MOST": "0", "SHOP_RATE": "-1.5", "SHOP_OPEN": "no", "SHOP_KINDS": "a, b", "SHOP_MODE": "used"}
    made = read_variables(Variables, {"SHOP_URL": " https://shop ", "SHOP_KEY": "k", **given})
    assert made == Variables("https://shop", 0, -1.5, False, ("a", "b"), "used", Secret(value="k"))
    assert read_variables(Variables, {"SHOP_URL": "x"}) == Variables("x")
    assert read_variables(Variables, {"SHOP_URL": "x", "SHOP_KEY_SECRET": "shop/key"}).shop_key.name == "shop/key"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "SHOP_URL is not set. The address of the shop."),
        ({"SHOP_URL": "  "}, "SHOP_URL is not set."),
        ({"SHOP_URL": "x", "SHOP_MOST": "1.5"}, "SHOP_MOST must be a whole number, not 1.5."),
        ({"SHOP_URL": "x", "SHOP_MOST": "many"}, "SHOP_MOST must be a number, not 'many'."),
        ({"SHOP_URL": "x", "SHOP_OPEN": "perhaps"}, "SHOP_OPEN must be true or false, not 'perhaps'."),
        ({"SHOP_URL": "x", "SHOP_MODE": "old"}, "SHOP_MODE must be one of new, used, not 'old'."),
    ],
)
def test_a_missing_or_wrong_value_is_named(given: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_variables(Variables, given)
    assert str(raised.value).startswith(told)


def test_a_secret_is_in_no_text() -> None:
    made = read_variables(Variables, {"SHOP_URL": "x", "SHOP_KEY": "sk-hidden"})
    assert "sk-hidden" not in f"{made} {made!r}"
    assert made.shop_key.read() == "sk-hidden"


def test_a_type_that_no_variable_can_have_is_refused() -> None:
    @dataclass(frozen=True)
    class Wrong:
        shop_map: dict[str, Any] = variable("A map.")

    with pytest.raises(ConfigurationError, match="shop_map cannot have the type"):
        variables_of(Wrong)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package of its own name on the path, with nothing in it yet."""
    folder = tmp_path / f"shop_{tmp_path.name.replace('-', '_')}"
    folder.mkdir()
    (folder / "__init__.py").write_text("def build_agent(settings): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


SETTINGS = """
from dataclasses import dataclass
from assistant.settings import variable

@dataclass(frozen=True)
class Variables:
    shop_url: str = variable("The address of the shop.")
"""


def test_a_function_does_not_start_without_a_variable_of_its_package(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "settings.py").write_text(SETTINGS)
    for name, value in {"AUTH_MODE": "guest", "AGENT_FACTORY": f"{package.name}:build_agent"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=r"SHOP_URL is not set\. The address"):
        create_app(streaming=True)
    monkeypatch.setenv("SHOP_URL", "https://shop")
    assert create_app(streaming=True)


def test_a_module_of_settings_that_cannot_be_imported_is_named(package: Path) -> None:
    (package / "settings.py").write_text("import no_such_module_anywhere\n")
    with pytest.raises(ConfigurationError, match=f"{package.name}/settings.py cannot be loaded: ModuleNotFoundError"):
        check_variables(f"{package.name}:build_agent", {})


def test_a_package_without_variables_needs_none(package: Path) -> None:
    check_variables(f"{package.name}:build_agent", {})
    (package / "settings.py").write_text("NAME = 'shop'\n")
    sys.modules.pop(f"{package.name}.settings", None)
    check_variables(f"{package.name}:build_agent", {})
    check_variables("no_such_package_anywhere:build_agent", {})
