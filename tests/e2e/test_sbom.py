"""The software bill of materials lists what is in the artifact, no more and no less, in valid CycloneDX."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from local.settings import ROOT
from scripts.sbom import FILE
from tests.support.build import Built


@pytest.fixture(scope="module")
def written(shipped: Built, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The file of one build, made twice."""
    texts = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("build")
        for name in ("layer", "functions"):
            (folder / name).symlink_to(shipped.folder / name)
        done = subprocess.run([sys.executable, "-m", "scripts.sbom", folder], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        texts.append((folder / FILE).read_text())
    return texts


@pytest.fixture
def bill(written: list[str]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(written[0])
    return loaded


def test_it_is_valid_and_the_same_each_time(written: list[str]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(written[0]) is None
    assert written[0] == written[1]


def test_it_lists_each_package_of_the_build_with_its_locked_version(bill: dict[str, Any], shipped: Built) -> None:
    listed = {(each["name"], each["version"]) for each in bill["components"]}
    folders = {path.name for path in shipped.folder.rglob("*.dist-info")}
    assert len(listed) == len(folders) > 30
    files = [ROOT / "layers/agents/requirements.txt", ROOT / "functions/durable_job/requirements.txt"]
    locked = set(re.findall(r"^([\w.-]+)==([^ ;\\]+)", "".join(each.read_text() for each in files), re.M))
    assert listed <= locked
    purls = {each["purl"] for each in bill["components"]}
    assert any(purl.startswith("pkg:pypi/openai-chatkit@") for purl in purls)


def test_it_has_licences_and_dependencies(bill: dict[str, Any]) -> None:
    without = [each["name"] for each in bill["components"] if not each.get("licenses")]
    assert len(without) < len(bill["components"]) / 10, without
    needs = {each["ref"]: each.get("dependsOn", []) for each in bill["dependencies"]}
    (agents,) = [needed for ref, needed in needs.items() if ref.startswith("pkg:pypi/openai-agents@")]
    assert any(each.startswith("pkg:pypi/openai@") for each in agents)


def test_without_a_build_it_says_what_to_do(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "scripts.sbom", tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "make build" in done.stderr
