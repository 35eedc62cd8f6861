"""Loading the agents' package that `AGENT_FACTORY` names."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import ConfigurationError, ImportFailedError
from assistant.failures import failure_of, look_for_places_in
from assistant.hooks import agents_package


@pytest.mark.parametrize(
    ("source", "logged"),
    [
        ("import no_such_package", "(broken_agents.py:1 in <module>): ModuleNotFoundError: No module named 'no_such_"),
        ("def (", "(broken_agents.py:1): SyntaxError: invalid syntax"),
        ("raise RuntimeError('canary')", "(broken_agents.py:1 in <module>): RuntimeError\n"),
        ("", "AGENT_FACTORY=broken_agents:build_agent: the module has no `build_agent`."),
    ],
    ids=["an import that fails", "a syntax error", "an error at the import", "no such function"],
)
def test_a_package_that_cannot_be_loaded_is_explained_to_the_operator_but_not_to_the_user(
    source: str, logged: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"broken_agents_{abs(hash(source))}"
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    look_for_places_in(f"{name}:build_agent")
    with pytest.raises(ImportFailedError) as raised:
        agents_package(f"{name}:build_agent")
    shown = str(failure_of("the start failed", raised.value)).replace(name, "broken_agents")
    assert shown.startswith("the start failed: an import failed")
    assert logged in shown
    assert raised.value.message == ConfigurationError.default_message


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(ImportFailedError, match="No module named 'no_such_agents'"):
        agents_package("no_such_agents:build_agent")
