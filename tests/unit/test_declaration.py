"""What an agents' package declares, and which one is chosen."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from declaration import (
    CHOICE,
    DEPLOYMENT,
    SAMPLE,
    TEMPLATE,
    DeclarationError,
    aws_services,
    check_folders,
    chosen,
    chosen_package,
    digest,
    is_current,
    read,
)
from local.settings import ROOT
from tests.support.own_package import PACKAGES, add_package


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "layers" / "agents"
    folder.mkdir(parents=True)
    (folder / SAMPLE).mkdir()
    (folder / SAMPLE / "pyproject.toml").write_text(f'[project]\nname = "{SAMPLE}"\n')
    add_package("bookmill", folder)
    shutil.copy2(ROOT / TEMPLATE, tmp_path)
    return folder


def test_a_checkout_without_a_choice_has_the_sample(agents: Path) -> None:
    (agents / CHOICE).unlink()
    assert chosen(agents).package == SAMPLE


def test_the_chosen_package_says_what_it_needs(agents: Path) -> None:
    made = chosen(agents)
    assert (made.package, made.factory) == ("bookmill", "bookmill:build_agent")
    assert made.libraries == ("sortedcontainers>=2.4",)
    assert made.playground_tools == ("order",)
    assert aws_services(made) - aws_services(None) == {"sqs"}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('aws_service = ["sqs"]', "has no setting aws_service"),
        ('aws_services = "sqs"', "aws_services must be a list of strings"),
        (
            'factory = "helpdesk:build_agent"',
            "factory must be like \"bookmill:build_agent\", not 'helpdesk:build_agent'",
        ),
        ('factory = "bookmill"', "factory must be like"),
        ("factory = ", "is no TOML"),
    ],
)
def test_a_mistake_in_a_declaration_is_named(agents: Path, line: str, told: str) -> None:
    file = agents / "bookmill" / "pyproject.toml"
    file.write_text(f'[project]\nname = "bookmill"\n[tool.chatkit]\n{line}\n')
    with pytest.raises(DeclarationError, match=told):
        chosen(agents)


def test_a_choice_that_names_no_package_is_refused(agents: Path) -> None:
    (agents / CHOICE).write_text('package = "../elsewhere"\n')
    with pytest.raises(DeclarationError, match=r"agents\.toml must have a line such as"):
        chosen_package(agents)
    with pytest.raises(DeclarationError, match="The package cinema has no file layers/agents/cinema/"):
        read("cinema", agents)


def test_a_folder_with_modules_that_declares_no_package_is_named(agents: Path) -> None:
    for name in ("assistant", ".hidden", "cinema"):
        (agents / name).mkdir()
        (agents / name / "__init__.py").touch()
    (agents / "__pycache__").mkdir()
    with pytest.raises(DeclarationError, match=r"layers/agents/cinema has no pyproject\.toml\..* name = \"cinema\""):
        check_folders(agents)
    (agents / "cinema" / "pyproject.toml").touch()
    check_folders(agents)


def test_the_name_of_the_project_is_the_folders(agents: Path) -> None:
    file = agents / "bookmill" / "pyproject.toml"
    file.write_text(file.read_text().replace('"bookmill"', '"shop"'))
    with pytest.raises(DeclarationError, match='the name of the \\[project\\] must be "bookmill"'):
        chosen(agents)


@pytest.mark.parametrize("name", ["pyproject.toml", "settings.py", "stack.yaml"])
def test_a_deployment_of_an_older_declaration_is_not_current(agents: Path, name: str) -> None:
    root = agents.parents[1]
    (root / DEPLOYMENT).symlink_to(TEMPLATE)
    assert not is_current(root, chosen(agents))
    assert is_current(root, read(SAMPLE, agents))
    (root / DEPLOYMENT).unlink()
    (root / DEPLOYMENT).write_text(f"# Made ({digest(root, chosen(agents))})\nResources: {{}}\n")
    assert is_current(root, chosen(agents))
    assert not is_current(root, read(SAMPLE, agents))
    with (agents / "bookmill" / name).open("a") as file:
        file.write("\n# More.\n")
    assert not is_current(root, chosen(agents))


def test_the_deployment_of_this_checkout_is_current() -> None:
    assert is_current(ROOT, chosen()), "run `make package`"


def test_the_page_on_extending_shows_the_package_of_the_tests() -> None:
    page = (ROOT / "docs" / "extending.md").read_text()
    shown = dict(re.findall(r"```\w+\n# bookmill/([\w.]+)\n(.*?)```", page, re.DOTALL))
    assert set(shown) == {"pyproject.toml", "settings.py", "stack.yaml"}
    for name, text in shown.items():
        assert (PACKAGES / "bookmill" / name).read_text().endswith(text), name
