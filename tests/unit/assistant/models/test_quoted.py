"""Words of a provider that repeat the request: exactly, or in another form."""

from __future__ import annotations

import html
import json
from urllib.parse import quote

import httpx2
import pytest

from assistant.models.call_log import WITHHELD, words_of

SECRET = "The tulip in my garden is \u201cviolet\u201d & old"
REQUEST = httpx2.Request("POST", "http://127.0.0.1", json={"messages": [{"role": "user", "content": SECRET}]})
FORMS = {
    "capitals": SECRET.upper(),
    "two spaces": SECRET.replace(" ", "  "),
    "line breaks": SECRET.replace(" ", "\n"),
    "escapes": "".join(f"\\u{ord(each):04x}" for each in SECRET),
    "JSON in JSON": json.dumps(json.dumps(SECRET.title())),
    "HTML": html.escape("".join(f"&#{ord(each)};" if each in "tulip" else each for each in SECRET)).replace(
        "&amp;", "&"
    ),
    "address": quote(SECRET),
}


@pytest.mark.parametrize("form", FORMS)
def test_words_that_repeat_the_request_in_another_form_are_left_out(form: str) -> None:
    body = {"message": f"Cannot read this message: {FORMS[form]}. Sorry."}
    assert words_of(body, REQUEST) == WITHHELD


def test_an_exact_quote_is_left_out_and_the_rest_is_kept() -> None:
    assert words_of(f"Cannot read: {SECRET}. Send less.", REQUEST) == "Cannot read: …. Send less."
    assert words_of("The model does not support pictures.", REQUEST) == "The model does not support pictures."
