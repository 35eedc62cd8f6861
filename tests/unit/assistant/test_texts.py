"""The platform's texts in the user's language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from assistant.agent import healed_request, healing
from assistant.approvals import cards, decisions, runs
from assistant.errors import AssistantError
from assistant.models import failures
from assistant.texts import in_language, language_of
from assistant.turns import outcome, waiting

# The packages that are loaded here have all errors that a user reads.
LOADED = (decisions, runs, failures, waiting)
CALL = cards.Call("refund_invoice", '{"invoice_id": 502, "all": true}', "Pays back 12 EUR.", "run_1", "call_1")
# These errors are for a model or for a developer.
NOT_FOR_USERS = {"ClientToolPendingError", "NoCallWaitsError", "TooDeepError"}


def family(root: type[AssistantError]) -> Iterator[type[AssistantError]]:
    for child in root.__subclasses__():
        yield child
        yield from family(child)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-US,de;q=0.9", "en"),
        ("en;q=0.5, de;q=0.8", "de"),
        ("fr-FR,de;q=0.7,en;q=0.3", "de"),
        ("fr", "en"),
        ("*", "en"),
        ("de;q=0", "en"),
        ("de;q=x, ;;q", "en"),
    ],
)
def test_the_most_wanted_language_that_there_is_wins(accepted: str | None, language: str) -> None:
    assert language_of(accepted) == language


def test_every_error_that_a_user_reads_is_translated() -> None:
    every: list[type[AssistantError]] = [AssistantError]
    every += [each for each in family(AssistantError) if each.__module__.startswith("assistant.")]
    assert {each.__module__ for each in every} >= {each.__name__ for each in LOADED}
    missing = {
        each.__name__
        for each in every
        if each.__name__ not in NOT_FOR_USERS and in_language(each.default_message, "de") == each.default_message
    }
    assert not missing


def test_every_mark_under_an_incomplete_answer_is_translated() -> None:
    marks = {
        *outcome._FOR_THE_USER.values(),
        *outcome._FOR_THE_USER_OF_A_RETRY.values(),
        outcome._WITHHELD_FOR_THE_USER,
    }
    assert not [mark for mark in marks if in_language(mark, "de") == mark]


@pytest.mark.parametrize(
    "notice",
    [
        healing.NO_DETAILS,
        healing.NO_OLDER,
        healing.SHORTENED,
        healed_request.NO_TOOLS,
        healed_request.FILTERED,
        "The model did not accept a picture. The answer was written without it.",
        "The model did not accept 'plan.pdf', 'notes.txt'. The answer was written without it.",
        "The model read only the text of 'plan.pdf'.",
    ],
)
def test_every_notice_about_a_smaller_request_is_translated(notice: str) -> None:
    german = in_language(notice, "de")
    assert german != notice
    assert " the " not in german


def test_a_part_of_a_text_stays_as_it_is() -> None:
    said = in_language("The file 'a {b} c.txt' has not been uploaded.", "de")
    assert said == "Die Datei „a {b} c.txt“ wurde nicht hochgeladen."
    assert in_language("Some agent's own text.", "de") == "Some agent's own text."
    assert in_language("Not found.", "fr") == "Not found."


def widget(card: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = card.widget.model_dump(exclude_none=True)
    return dumped


def test_a_card_is_in_the_user_s_language_and_keeps_it() -> None:
    card = cards.asking("msg_1", "thr_1", CALL, "de")
    shown = widget(card)
    assert shown["status"]["text"] == "Braucht Ihre Zustimmung"
    assert (shown["confirm"]["label"], shown["cancel"]["label"]) == ("Zustimmen", "Ablehnen")
    assert [row["children"][1]["value"] for row in shown["children"] if row["type"] == "Row"] == ["502", "Ja"]
    begun = cards.answered(card, "begun")
    assert widget(begun)["status"]["text"] == "Zugestimmt, noch kein Ergebnis"
    assert widget(begun)["children"][-1]["value"].startswith("Das Ergebnis ist nicht bekannt.")
    assert widget(cards.answered(card, "rejected"))["status"]["text"] == "Abgelehnt"


@pytest.mark.parametrize("answer", ["begun", "approved", "rejected"])
def test_the_model_reads_the_same_of_a_card_in_any_language(answer: cards.Answer) -> None:
    german, english = (cards.asking("msg_1", "thr_1", CALL, language) for language in ("de", "en"))
    assert german.copy_text == english.copy_text
    assert cards.answered(german, answer).copy_text == cards.answered(english, answer).copy_text
    assert cards.shown_answer(cards.answered(german, answer)) == answer
