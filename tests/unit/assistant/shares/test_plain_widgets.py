"""Widgets of a share: no action, no input, no picture unless asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from assistant.shares.page import share_page
from assistant.shares.snapshot import plain_widget

ACT: dict[str, Any] = {"type": "tasks.done", "payload": {"secret": 1}}
CARD: dict[str, Any] = {
    "type": "Card",
    "status": {"text": "Open", "icon": "info"},
    "confirm": {"label": "Yes", "action": ACT},
    "cancel": {"label": "No", "action": ACT},
    "children": [
        {"type": "Title", "value": "A task"},
        {"type": "Image", "src": "https://example.com/a.png", "onClickAction": ACT},
        {
            "type": "Form",
            "onSubmitAction": ACT,
            "children": [{"type": "Input", "name": "x"}, {"type": "Text", "value": "kept"}],
        },
        {"type": "ListViewItem", "onClickAction": ACT, "children": [{"type": "Button", "label": "Go"}]},
    ],
}


def test_no_action_and_no_input_is_left_and_the_texts_are() -> None:
    plain = plain_widget(CARD)
    assert plain == {
        "type": "Card",
        "status": {"text": "Open", "icon": "info"},
        "children": [
            {"type": "Title", "value": "A task"},
            {"type": "Col", "children": [{"type": "Text", "value": "kept"}]},
            {"type": "ListViewItem", "children": []},
        ],
    }
    assert "https://example.com/a.png" in json.dumps(plain_widget(CARD, files=True))


@pytest.mark.parametrize("kind", ["user_message", "assistant_message"])
def test_a_page_shows_text_as_text_and_runs_nothing(kind: str) -> None:
    attack = "<script>alert(1)</script>"
    items = [
        {"type": kind, "text": attack, "sources": [{"title": attack, "url": 'https://a.example/"onclick=x'}]},
        {"type": "widget", "widget": {"type": "Card", "children": [{"type": "Text", "value": attack}]}},
    ]
    page, headers = share_page({"title": attack, "items": items})
    assert "<script" not in page
    assert '"onclick' not in page
    assert page.count("&lt;script&gt;") == 5
    assert "script-src" not in headers["content-security-policy"]
    assert headers["content-security-policy"].startswith("default-src 'none'")
