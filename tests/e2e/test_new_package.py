"""`make new` in a copy of the checkout: what it writes is green, and the sample can go."""

from __future__ import annotations

import json
import shutil
import urllib.request
import uuid
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.support.checkout import copy_checkout, run_in
from tests.support.dev import DevServer

pytestmark = pytest.mark.exhaustive

NAME = "bookshop"
# The environments are up to date.
MAKE = ("make", "--no-print-directory", "-o", ".venv/.installed", "-o", ".envs/ministack/.installed")
PYTEST = (".venv/bin/pytest", "-q", "-o", f"cache_dir={ROOT / '.pytest_cache'}")
PLACES = [f"layers/agents/{NAME}", *(f"tests/{kind}/{NAME}" for kind in ("unit", "integration", "evals"))]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which a package was made."""
    root = copy_checkout(tmp_path_factory.mktemp("new") / "checkout")
    shown = run_in(root, *MAKE, "new", f"NAME={NAME}")
    assert f"layers/agents/agents.toml names {NAME} now." in shown
    return root


@pytest.fixture(scope="module")
def without_sample(checkout: Path) -> Path:
    """The same checkout after the sample and its tests were deleted, as docs/extending.md says."""
    for folder in [checkout / "layers/agents/helpdesk", *checkout.glob("tests/*/helpdesk")]:
        shutil.rmtree(folder)
    run_in(checkout, *MAKE, "package")
    return checkout


def test_the_new_package_is_green(checkout: Path) -> None:
    run_in(checkout, *MAKE, "lint")
    run_in(checkout, ".venv/bin/mypy", *PLACES)
    assert "8 passed" in run_in(checkout, *PYTEST, f"tests/unit/{NAME}", f"tests/integration/{NAME}")


def test_evaluations_run_on_the_new_package(checkout: Path) -> None:
    assert "2 of 2 on demo" in run_in(checkout, *MAKE, "eval", LLM_PROVIDER="demo", AGENT_FACTORY="")


def test_the_dev_server_runs_the_new_package(checkout: Path, tmp_path: Path) -> None:
    server = DevServer(tmp_path, root=checkout)
    try:
        body = json.dumps({"message": {"content": '!tool keep_note {"text": "buy milk"}'}}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
        with urllib.request.urlopen(urllib.request.Request(server.chat_url, body, headers), timeout=60) as response:
            assert "The user has 1 notes" in response.read().decode()
        with urllib.request.urlopen(server.page_url + "playground.json", timeout=60) as response:
            assert [tool["id"] for tool in json.load(response)["composer"]["tools"]] == ["keep_note"]
    finally:
        server.stop()


def test_without_the_sample_the_contracts_hold_and_every_test_loads(without_sample: Path) -> None:
    run_in(without_sample, *MAKE, "lint")
    shown = run_in(without_sample, *PYTEST, "--collect-only", "tests")
    assert "tests collected" in shown


def test_without_the_sample_the_platforms_tests_pass(without_sample: Path) -> None:
    """A part of them: those that run agents, and those that read the documents and the settings."""
    run_in(
        without_sample,
        *PYTEST,
        "-m",
        "not exhaustive",
        "tests/unit/assistant/agent",
        "tests/unit/assistant/models",
        "tests/unit/assistant/turns",
        "tests/unit/assistant/test_settings.py",
        "tests/unit/local",
        "tests/unit/scripts",
        *(f"tests/unit/{path.name}" for path in sorted((without_sample / "tests/unit").glob("test_*.py"))),
        "tests/integration/api/test_functions.py",
        "tests/integration/models/test_recipes.py",
        "tests/integration/protocol/test_asking.py",
        "tests/integration/turns/test_unjudged.py",
    )
