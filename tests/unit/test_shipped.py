"""The checks of a built layer: does it have what the agents' package needs?"""

from __future__ import annotations

from pathlib import Path

import pytest

from declaration import Declaration, chosen
from shipped import missing_requirements, problems
from tests.support.own_package import add_package


@pytest.fixture
def declared(tmp_path: Path) -> Declaration:
    agents = tmp_path / "agents"
    agents.mkdir()
    add_package("bookmill", agents)
    return chosen(agents)


@pytest.fixture
def layer(tmp_path: Path, declared: Declaration) -> Path:
    folder = tmp_path / "python"
    for name in ("agents", "assistant", "boto3", "sortedcontainers"):
        (folder / name).mkdir(parents=True)
    (folder / "bookmill").mkdir()
    for path in declared.folder.glob("*.py"):
        (folder / "bookmill" / path.name).write_text(path.read_text())
    return folder


def test_a_layer_with_all_that_the_package_needs_has_no_problem(layer: Path, declared: Declaration) -> None:
    assert list(problems(layer, declared, ["agents/voice"])) == []


def test_a_library_that_is_not_declared_is_missed(layer: Path, declared: Declaration) -> None:
    (layer / "sortedcontainers").rmdir()
    [problem] = problems(layer, declared, [])
    assert problem.startswith("bookmill/tools.py, line 8: the layer has no library with the module sortedcontainers.")
    assert "layers/agents/bookmill/pyproject.toml" in problem


def test_what_the_code_can_do_without_is_not_missed(layer: Path, declared: Declaration) -> None:
    (layer / "bookmill" / "more.py").write_text(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from mypy_boto3_sqs import SQSClient\n"
        "try:\n    import ujson\nexcept ImportError:\n    ujson = None\n"
    )
    assert list(problems(layer, declared, [])) == []


def test_a_module_that_the_layer_leaves_out_is_named(layer: Path, declared: Declaration) -> None:
    (layer / "bookmill" / "more.py").write_text("def speak():\n    from agents.voice.model import Voice\n")
    [problem] = problems(layer, declared, ["agents/voice"])
    assert problem.startswith("bookmill/more.py, line 2: layers/agents/contents.toml leaves agents.voice.model out")


def test_a_factory_that_the_layer_lacks_is_named(layer: Path, declared: Declaration) -> None:
    module = layer / "bookmill" / "__init__.py"
    module.write_text(module.read_text().replace("def build_agent", "def build_agents"))
    assert list(problems(layer, declared, [])) == [
        "AGENT_FACTORY is bookmill:build_agent, and bookmill/__init__.py has no build_agent."
    ]
    for path in (layer / "bookmill").iterdir():
        path.unlink()
    assert list(problems(layer, declared, [])) == [
        "AGENT_FACTORY is bookmill:build_agent, and the layer has no module bookmill."
    ]


@pytest.mark.parametrize(
    "definition",
    ["from bookmill.tools import build_agent", "build_agent = print", "if True:\n    def build_agent(): ..."],
)
def test_a_factory_may_be_defined_in_any_way(layer: Path, declared: Declaration, definition: str) -> None:
    (layer / "bookmill" / "__init__.py").write_text(f"{definition}\n")
    assert list(problems(layer, declared, [])) == []


def test_a_syntax_error_ends_the_build_with_its_line(layer: Path, declared: Declaration) -> None:
    (layer / "bookmill" / "more.py").write_text("x = 1\ndef (:\n")
    assert list(problems(layer, declared, [])) == ["bookmill/more.py, line 2: invalid syntax"]


def test_a_library_that_is_not_exported_yet_is_named(declared: Declaration) -> None:
    [problem] = missing_requirements(declared)
    assert "lacks sortedcontainers>=2.4" in problem
    declared.requirements.write_text("sortedcontainers==2.4.0 \\\n    --hash=sha256:00\n")
    assert list(missing_requirements(declared)) == []
