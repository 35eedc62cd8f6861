"""The stream of a response that is not reached over HTTP."""

from __future__ import annotations

from openai.types.responses import ResponseOutputMessage, ResponseOutputText, ResponseTextDoneEvent
from openai.types.responses.response_output_text import AnnotationURLCitation

from assistant.models.response_writer import ResponseWriter


class Piece(str):
    """Text that may be joined once, at the end, and not at each delta."""

    def __radd__(self, before: str) -> str:
        raise AssertionError("what came before is copied for each delta")


def test_a_delta_costs_by_its_own_length_and_the_end_has_all_of_them() -> None:
    writer = ResponseWriter("demo")
    events = list(writer.open_text())
    for number in range(3):
        events += writer.text(Piece(f"word{number} "))
    events += writer.cite("https://example.com/", "A page")
    events += writer.text("end")
    events += writer.close_text()
    (done,) = [event for event in events if isinstance(event, ResponseTextDoneEvent)]
    assert done.text == "word0 word1 word2 end"
    (message,) = writer.output
    assert isinstance(message, ResponseOutputMessage)
    (part,) = message.content
    assert isinstance(part, ResponseOutputText)
    (cited,) = part.annotations
    assert isinstance(cited, AnnotationURLCitation)
    assert (part.text, cited.end_index) == ("word0 word1 word2 end", len("word0 word1 word2 "))
