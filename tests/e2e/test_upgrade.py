"""An upgrade keeps an adopter's package and its data, and says what is left to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx2
import pytest

from local.settings import ROOT
from scripts.upgrade import GENERATED, Checkout, UpgradeError, notes, upgrade
from tests.support.dev import DevServer
from tests.support.own_package import link_environments

# The commit of release 0.1.0: docs/upgrading.md names it too.
FIRST_RELEASE = "221dac48e56fd664c2e96c18d785b32c02b08c90"
ADOPTER = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]

CHANGES = """\
# Changelog

## Unreleased

### Operators

- Deploy twice.

### New

- A thing.

## 0.2.0

### Operators

- Set `A` first.

### Adopters

- Rename `b` to `c`.

## 0.1.0

### Operators

- Long done.
"""


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *ADOPTER, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(folder: Path, message: str, **files: str) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def version(text: str) -> str:
    return f'__version__ = "{text}"\n'


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of release 0.1.0 with a package, whose remote `upstream` has release 0.2.0."""
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.com")
    platform, mine = tmp_path / "platform", tmp_path / "mine"
    platform.mkdir()
    git(platform, "init", "--quiet", "--initial-branch", "main")
    code = "layers/agents/assistant/__init__.py"
    files = {"uv.lock": "locked\n", "README.md": "read\n", "CHANGELOG.md": "# Changelog\n"}
    commit(platform, "0.1.0", **files, **{code: version("0.1.0")})
    git(tmp_path, "clone", "--quiet", "platform", "mine")
    git(mine, "remote", "rename", "origin", "upstream")
    commit(mine, "our shop", **{"uv.lock": "locked with ours\n", "layers/agents/shop/__init__.py": "ours\n"})
    files = {"uv.lock": "locked anew\n", "README.md": "read this\n", "CHANGELOG.md": CHANGES}
    commit(platform, "0.2.0", **files, **{code: version("0.2.0")})
    git(platform, "tag", "v0.2.0")
    return mine


def test_a_release_is_fetched_and_merged_and_what_is_to_do_is_printed(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert upgrade(Checkout(shop), "v0.2.0") == []
    # The lock is the release's. `make package` adds the package's libraries to it.
    assert (shop / "uv.lock").read_text() == "locked anew\n"
    assert (shop / "README.md").read_text() == "read this\n"
    assert (shop / "layers/agents/shop/__init__.py").read_text() == "ours\n"
    printed = capsys.readouterr().out
    assert "0.2.0, operators:\n- Set `A` first." in printed
    assert "0.2.0, adopters:\n- Rename `b` to `c`." in printed
    assert "Long done" not in printed
    git(shop, "commit", "--quiet", "--message", "upgraded")
    with pytest.raises(UpgradeError, match=r"has v0\.2\.0 already"):
        upgrade(Checkout(shop), "v0.2.0")


def test_a_file_that_both_have_changed_is_left_to_solve(shop: Path) -> None:
    commit(shop, "our README", **{"README.md": "ours\n"})
    assert upgrade(Checkout(shop), "v0.2.0") == ["README.md"]
    assert "<<<<<<<" in (shop / "README.md").read_text()


def test_changes_that_are_not_committed_and_unknown_releases_are_refused_and_nothing_is_touched(shop: Path) -> None:
    with pytest.raises(UpgradeError, match="no release 'v9'"):
        upgrade(Checkout(shop), "v9")
    with pytest.raises(UpgradeError, match="no release '--force'"):
        upgrade(Checkout(shop), "--force")
    (shop / "new.txt").write_text("mine")
    with pytest.raises(UpgradeError, match=r"Commit or remove these changes first:\n\?\? new.txt"):
        upgrade(Checkout(shop), "v0.2.0")
    assert (shop / "README.md").read_text() == "read\n"


def test_changes_that_no_release_has_yet_are_told_too() -> None:
    told = [(release, kind) for release, kind, _ in notes(CHANGES, (0, 2, 0), (0, 2, 0))]
    assert told == [("Unreleased", "Operators")]


def test_the_changelog_has_only_the_kinds_that_the_command_knows() -> None:
    kinds = set(re.findall(r"^### (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE))
    assert kinds == {"Operators", "Adopters", "New", "Changed"}


# --- From 0.1.0 to this commit, with a package and data


def say(url: str, thread_id: str | None, text: str) -> tuple[str, str]:
    answer = httpx2.post(url, json={"message": {"content": text}, "thread_id": thread_id}, timeout=120)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["thread_id"]), str(answer.json()["content"])


def items(url: str, thread_id: str) -> list[object]:
    body = {"type": "items.list", "params": {"thread_id": thread_id, "order": "asc", "limit": 100}}
    answer = httpx2.post(url, json=body, timeout=120)
    assert answer.status_code == 200, answer.text
    data: list[object] = answer.json()["data"]
    return data


def extracted(page: str) -> dict[str, str]:
    """Return the files of docs/extending.md by their path in `layers/agents`."""
    found = re.finditer(r"```python\n# (acme/\w+\.py)\n(.*?)```", page, re.DOTALL)
    return {f"layers/agents/{match[1]}": match[2] for match in found}


@pytest.mark.exhaustive
def test_a_package_of_the_first_release_and_its_threads_outlive_the_upgrade_that_the_page_describes(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if subprocess.run(["git", "cat-file", "-e", FIRST_RELEASE], cwd=ROOT, capture_output=True).returncode:
        pytest.skip("this clone has no history")
    mine = tmp_path / "mine"
    git(tmp_path, "clone", "--quiet", "--shared", str(ROOT), "mine")
    release = git(mine, "rev-parse", "HEAD")
    git(mine, "checkout", "--quiet", "-b", "shop", FIRST_RELEASE)
    # What the page of 0.1.0 says.
    commit(mine, "Acme's agents", **extracted(git(mine, "show", "HEAD:docs/extending.md")))
    makefile = mine / "layers/agents/Makefile"
    makefile.write_text(makefile.read_text().replace("cp -R assistant helpdesk", "cp -R assistant helpdesk acme"))
    commit(mine, "Acme in the layer")
    link_environments(mine)
    environment = {"AGENT_FACTORY": "acme:build_agent"}
    server = DevServer(tmp_path / "state", environment, root=mine)
    request.addfinalizer(server.kill9)
    thread_id, answer = say(server.chat_url, None, '!tool check_stock {"item": "lamp"}')
    assert answer.endswith("check_stock answered: 10 left")
    before = items(server.chat_url, thread_id)
    server.stop()

    # What docs/upgrading.md says.
    git(mine, "checkout", FIRST_RELEASE, "--", "layers/agents/Makefile")
    declared = '[project]\nname = "acme"\nversion = "0"\nrequires-python = ">=3.11"\n\n[tool.uv]\npackage = false\n'
    choice = 'package = "acme"\n'
    commit(
        mine, "Acme declares", **{"layers/agents/acme/pyproject.toml": declared, "layers/agents/agents.toml": choice}
    )
    subprocess.run(["git", *ADOPTER, "merge", "--quiet", "--no-edit", release], cwd=mine, check=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    subprocess.run(["make", "package"], cwd=mine, env=kept, check=True)
    commit(mine, "Upgraded")
    changed = git(mine, "diff", "--name-only", release, "HEAD").split("\n")
    outside = [path for path in changed if not path.startswith("layers/agents/a") and path not in GENERATED]
    assert outside == []

    server = DevServer(tmp_path / "state", root=mine)
    request.addfinalizer(server.kill9)
    assert items(server.chat_url, thread_id) == before
    _, again = say(server.chat_url, thread_id, '!tool check_stock {"item": "lamp"}')
    assert again.endswith("check_stock answered: 10 left")
    [card] = [item for item in before if isinstance(item, dict) and item["type"] == "widget"]
    action = card["widget"]["children"][1]["onClickAction"]
    body = {"thread_id": thread_id, "item_id": card["id"], "action": {**action, "type": action["type"]}}
    clicked = httpx2.post(
        server.chat_url, json={"type": "threads.sync_custom_action", "params": body}, timeout=120
    ).json()
    assert clicked["updated_item"]["widget"]["children"][0]["value"] == "lamp: 9 left"
    server.stop()
    shutil.rmtree(tmp_path / "state")
