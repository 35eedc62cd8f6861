"""The demo model's mind: what it answers and which tools it calls, without a network."""

from assistant.demo.arguments import fit_arguments
from assistant.demo.image import png
from assistant.demo.script import Call, Cite, Draw, Fail, Say, Step, Think
from assistant.demo.words import Conversation, Offer, called_by_words, choose, read_conversation, structured

__all__ = [
    "Call",
    "Cite",
    "Conversation",
    "Draw",
    "Fail",
    "Offer",
    "Say",
    "Step",
    "Think",
    "called_by_words",
    "choose",
    "fit_arguments",
    "png",
    "read_conversation",
    "structured",
]
