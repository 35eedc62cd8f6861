"""The demo model's rules: its answers and its tool calls, as pure functions."""

from assistant.demo.image import png
from assistant.demo.script import Call, Cite, Draw, Fail, Say, Step, Think
from assistant.demo.words import Conversation, Offer, choose, read_conversation, structured

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
    "choose",
    "png",
    "read_conversation",
    "structured",
]
