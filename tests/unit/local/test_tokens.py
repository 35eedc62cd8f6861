"""The arguments that `make token` refuses, and its messages."""

from __future__ import annotations

import sys

import pytest

from local import tokens

WHOLE = ["tokens", "--user", "ann", "--tenant", "acme", "--role", "user"]


def test_a_token_of_nobody_is_not_issued(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["" if word == "ann" else word for word in WHOLE])
    with pytest.raises(SystemExit) as stopped:
        tokens.main()
    assert stopped.value.code == 2
    assert "a token names a user and a tenant" in capsys.readouterr().err


def test_a_wrong_setting_of_the_dev_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", WHOLE)
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(SystemExit) as stopped:
        tokens.main()
    assert "PORT must be a port" in str(stopped.value.code)
