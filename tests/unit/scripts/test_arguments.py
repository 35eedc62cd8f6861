"""Missing arguments of an operator: `make` passes them as empty strings, and the scripts refuse them."""

from __future__ import annotations

import importlib
import sys

import pytest

from scripts.arguments import MAKE_TARGET


@pytest.mark.parametrize(
    ("script", "left_out", "others"),
    [
        ("smoke", "--url", []),
        ("show", "--turn", []),
        ("export", "--tenant", ["--user", "ann", "--out", "ann"]),
        ("export", "--user", ["--tenant", "acme", "--out", "ann"]),
        ("export", "--out", ["--tenant", "acme", "--user", "ann"]),
        ("erase", "--tenant", ["--user", "ann", "--confirm", "ann"]),
        ("erase", "--user", ["--tenant", "acme", "--confirm", ""]),
    ],
)
def test_a_missing_argument_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str, left_out: str, others: list[str]
) -> None:
    monkeypatch.setenv("TABLE_NAME", "no-such-table")
    monkeypatch.setenv("BUCKET_NAME", "no-such-bucket")
    monkeypatch.setattr(sys, "argv", [script, left_out, "", *others])
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(f"scripts.{script}").main()
    assert stopped.value.code == 2
    assert f"argument {left_out}: it has to be given" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--url", "--stream-url", "--upload-url", "--origin"])
@pytest.mark.parametrize("text", ["abc.example.com", "https:/abc.example.com", "s3://bucket"])
def test_an_invalid_address_is_refused_before_any_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], option: str, text: str
) -> None:
    monkeypatch.setattr(sys, "argv", ["smoke", "--url", "http://127.0.0.1:9", option, text])
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module("scripts.smoke").main()
    assert stopped.value.code == 2
    assert f"argument {option}: it is an address such as" in capsys.readouterr().err


@pytest.mark.parametrize("part", [["--thread", "thr_1"], ["--thread", "thr_1", "--tenant", "acme"], ["--user", "ann"]])
def test_a_part_of_a_threads_place_is_no_reason_to_scan_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["show", "--turn", "turn_1", *part])
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module("scripts.show").main()
    assert stopped.value.code == 2
    assert "--thread, --tenant and --user together" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "arguments", "told"),
    [
        ("show", ["--turn", ""], "make show: TURN=…: it has to be given"),
        (
            "show",
            ["--turn", "turn_1", "--user", "ann"],
            "make show: a thread is found by THREAD=…, TENANT=… and USER=… ",
        ),
        ("smoke", ["--url", "http://127.0.0.1:9", "--stream-url", "--url"], "STREAM_URL=…: expected one argument"),
        ("smoke", ["--url=--turn"], "URL=…: it is an address such as https://abc.example.com/, not '--turn'"),
        (
            "erase",
            ["--tenant", "acme", "--user", "", "--confirm", "acme"],
            "make erase: USER=…: it has to be given. `make erase-tenant` erases all users of a tenant",
        ),
        ("cost", ["--memory", "0"], "make cost: MEMORY=…: it is a number above 0, not '0'"),
    ],
)
def test_who_called_make_is_told_in_its_words(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    script: str,
    arguments: list[str],
    told: str,
) -> None:
    monkeypatch.setenv(MAKE_TARGET, script)
    monkeypatch.setattr(sys, "argv", [f"scripts/{script}.py", *arguments])
    with pytest.raises(SystemExit) as stopped:
        importlib.import_module(f"scripts.{script}").main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert told in said
    assert "usage" not in said
